"""`fleet new`, `add` and `upgrade` as a person types them, rightly and wrongly."""

import json
from pathlib import Path

import pytest
from scaffold.kinds import KINDS, fleet

from fleetwright_cli.fleet import discover
from fleetwright_cli.locks import DIGEST
from fleetwright_cli.scaffold import (
    Added,
    FleetAnswers,
    LibraryAnswers,
    Record,
    add_library,
    files_of_fleet,
)
from fleetwright_cli.scaffold._making import own_locks
from fleetwright_cli.scaffold._merge import apply, changes

FLEET = FleetAnswers("shop", "@acme/platform")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Give a fleet without services, libraries and locks: only what is quickly made."""
    root = tmp_path / "shop"
    root.mkdir()
    record = Record(root)
    record.keep(FLEET)
    list(apply(root, record, changes(root, {}, files_of_fleet(FLEET, [], []))))
    for lock in own_locks(discover(root)):
        lock.target.write_text(f"{DIGEST}{lock.inputs}\n")
    return root


def money(root: Path) -> Added:
    """Add a library."""
    return add_library(root, LibraryAnswers("money", "@acme/web"))


def test_a_dry_run_shows_every_file_and_writes_none(tmp_path: Path) -> None:
    """Also as JSON, with all that was decided."""
    said = fleet(tmp_path, "new", "shop", "--owner", "acme/web", "--dry-run", "--json")

    facts = json.loads(said.out)
    assert said.code == 0
    assert facts["owner"] == "@acme/web"
    assert {"fleet.toml", "fleet", "services/hello/Dockerfile"} <= set(facts["files"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told", "hint"),
    [
        (["new", "full"], "full is not empty", "name a folder that is empty"),
        (["new", "file"], "file is a file", "name a folder that is empty"),
        (["new", "My Shop"], "cannot be the name", "`fleet new my-shop`"),
        (["new", "x", "--service", "json"], "would hide", "--service json-service`"),
        (["new", "x", "--owner", "a b"], "is no owner", "`--owner @a-b`"),
        (["new", "inside/x"], "inside of another one", "`fleet add service NAME`"),
        (["new", "x", "--ci", "jenkins"], "jenkins", ""),
        (["add", "service", "a"], "no fleet.toml", "change into a fleet"),
    ],
)
def test_what_cannot_be_is_told_with_the_mend(
    tmp_path: Path, words: list[str], told: str, hint: str
) -> None:
    """Exit 2, nothing written, and no traceback."""
    for name in ("full", "inside"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "file").touch()
    (tmp_path / "inside" / "fleet.toml").write_text('[fleet]\nname = "a"\n')

    said = fleet(tmp_path, *words)

    assert (said.code, said.out) == (2, "")
    assert told in said.err
    assert hint in said.err
    assert "Traceback" not in said.err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--framework", "worker"], "a worker hears events"),
        (["--framework", "worker", "--database"], "a worker hears events"),
        (["--events"], "events need a database"),
    ],
)
def test_a_combination_without_sense_is_refused_with_the_reason(
    shop: Path, words: list[str], why: str
) -> None:
    """And with one that can be typed."""
    (shop / "libs" / "fleetwright").mkdir(parents=True)
    (shop / "libs" / "fleetwright" / "pyproject.toml").touch()

    said = fleet(shop, "add", "service", "bills", *words)

    assert said.code == 2
    assert why in said.err
    assert "--database --events`" in said.err


def test_a_service_needs_the_runtime(shop: Path) -> None:
    """A fleet that does not carry it is told so."""
    said = fleet(shop, "add", "service", "bills")

    assert said.code == 1
    assert "has no library `fleetwright`" in said.err


def test_a_library_is_named_where_it_must_be(shop: Path) -> None:
    """In CODEOWNERS, which keeps what was added to it by hand."""
    owners = shop / ".github" / "CODEOWNERS"
    owners.write_text(f"# Ours.\n{owners.read_text()}")

    added = money(shop)

    assert (shop / "libs/money/src/money/texts.py").is_file()
    assert added.conflicts == ()
    assert owners.read_text().startswith("# Ours.\n")
    assert owners.read_text().endswith("* @acme/platform\n/libs/money/ @acme/web\n")


def test_an_edit_where_the_new_one_belongs_is_left(shop: Path) -> None:
    """It is told, and can be settled by `fleet upgrade --conflicts`."""
    owners = shop / ".github" / "CODEOWNERS"
    owners.write_text(owners.read_text().replace("* @acme/platform", "* @acme/mine"))

    said = fleet(shop, "add", "lib", "money")

    assert said.code == 1
    assert "edited where the new one belongs" in said.err
    assert "/libs/money/" not in owners.read_text()
    assert fleet(shop, "upgrade").code == 1
    assert "/libs/money/" not in owners.read_text()
    assert fleet(shop, "upgrade", "--conflicts").code == 1
    assert "<<<<<<< yours\n* @acme/mine\n" in owners.read_text()
    assert fleet(shop, "upgrade", "--check").code == 0


def test_a_taken_name_is_refused(shop: Path) -> None:
    """A library and a service may not share one either."""
    money(shop)

    said = fleet(shop, "add", "lib", "money")

    assert said.code == 2
    assert "hint: `fleet add lib money-service`" in said.err


def test_an_upgrade_tells_what_it_would_do_and_does_it(shop: Path) -> None:
    """The templates of another version are played by another pristine file."""
    money(shop)
    record = Record(shop)
    path = "libs/money/README.md"
    older = (shop / path).read_text().replace("# money", "# older")
    record.keep_pristine(path, older)
    (shop / path).write_text(older + "Mine.\n")

    behind = fleet(shop, "upgrade", "--check", "--json")
    patch = fleet(shop, "upgrade", "money", "--dry-run")
    done = fleet(shop, "upgrade", "money")

    assert behind.code == 1
    assert json.loads(behind.out)["changes"] == [{"path": path, "kind": "merged"}]
    assert (patch.code, "+# money\n" in patch.out) == (0, True)
    assert done.code == 0
    assert (shop / path).read_text().startswith("# money\n")
    assert (shop / path).read_text().endswith("Mine.\n")
    assert fleet(shop, "upgrade", "--check").code == 0


def test_an_upgrade_of_what_was_not_made_here_is_refused(shop: Path) -> None:
    """With the names of what was."""
    money(shop)

    said = fleet(shop, "upgrade", "mony")

    assert said.code == 2
    assert "these were: money" in said.err


def test_every_kind_has_a_name_of_its_own() -> None:
    """The tests of kinds look at ten of them."""
    assert len(KINDS) == 10
