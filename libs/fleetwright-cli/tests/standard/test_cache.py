"""What was read and found once is not read again, and nothing is believed blindly."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from fleetwright_cli.standard import check, open_repository
from fleetwright_cli.standard._facts import Facts


def test_second_run_reads_from_the_cache(tmp_path: Path) -> None:
    """What was parsed once is kept by content, and a broken cache is parsed anew."""
    source = b"import os\nos.getenv('A')\n"
    first = Facts(tmp_path)
    read = first.get("python", source)
    first.keep()
    (kept,) = tmp_path.glob("facts-*.json")

    assert Facts(tmp_path).get("python", source) == read
    for broken in ("{", "[]", '{"p": 1}', kept.read_text("utf-8").replace("[", "{", 0)):
        kept.write_text(broken, "utf-8")
        assert Facts(tmp_path).get("python", source) == read


def test_kept_facts_of_another_shape_are_read_anew(tmp_path: Path) -> None:
    """A cache that somebody wrote misleads nobody into a crash."""
    source = b"import os\n"
    first = Facts(tmp_path)
    read = first.get("python", source)
    first.keep()
    (kept,) = tmp_path.glob("facts-*.json")
    key = kept.read_text("utf-8").split('"')[1]
    kept.write_text(f'{{"{key}": [1, 2]}}', "utf-8")

    assert Facts(tmp_path).get("python", source) == read


def test_many_files_are_read_in_several_processes() -> None:
    """Beside each other they come to the same facts."""
    sources = [f"def f{n}(): pass\n".encode() for n in range(250)]
    beside = Facts(workers=2)

    beside.prepare([("python", one) for one in sources])

    alone = Facts(workers=1)
    for one in sources:
        assert beside.get("python", one) == alone.get("python", one)


def git(root: Path, *words: str) -> None:
    """Have git do something in a folder."""
    subprocess.run(["git", "-C", str(root), *words], check=True)


def found(root: Path) -> set[str]:
    """Return where `.env` files are found, and have the check keep it."""
    report = check(open_repository(root))
    return {one.breach.path for one in report.findings if one.rule.id == "CFG-04"}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Give a repository that was checked once."""
    (tmp_path / "fleet.toml").write_text('[fleet]\nname = "shop"\n', "utf-8")
    (tmp_path / ".gitignore").write_text(".env\n.fleet/\n", "utf-8")
    (tmp_path / ".dockerignore").write_text(".env\n", "utf-8")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    assert found(tmp_path) == set()
    return tmp_path


def test_unchanged_files_are_not_looked_at_again(kept: Path) -> None:
    """What the last run found is believed as long as git sees no change."""
    (cache,) = (kept / ".fleet" / "cache").glob("breaches-*.json")
    text = cache.read_text("utf-8")
    row = '["CFG-04", "kept", 1, "from the cache"]'
    cache.write_text(text.replace('"found":[', f'"found":[{row},'), "utf-8")

    assert found(kept) == {"kept"}


@pytest.mark.parametrize("name", [".gitignore", "new.txt"])
def test_changed_files_are(kept: Path, name: str) -> None:
    """A changed line and a new file are seen, in git's index or not."""
    (cache,) = (kept / ".fleet" / "cache").glob("breaches-*.json")
    text = cache.read_text("utf-8")
    row = '["CFG-04", "kept", 1, "from the cache"]'
    cache.write_text(text.replace('"found":[', f'"found":[{row},'), "utf-8")

    (kept / name).write_text("venv/\n.fleet/\n", "utf-8")

    assert "kept" not in found(kept)


def test_content_counts_and_not_only_names(kept: Path) -> None:
    """The same file changed twice is read twice."""
    (kept / ".gitignore").write_text(".fleet/\n", "utf-8")
    assert found(kept) == {".gitignore"}

    (kept / ".gitignore").write_text(".env\n.fleet/\n\n", "utf-8")

    assert found(kept) == set()


def test_how_files_are_counts_and_not_only_what_is_in_them(kept: Path) -> None:
    """A file that may be run, is empty or gone, tells one state from another."""
    new, keys = kept / "run.sh", set[str]()
    new.write_text("", "utf-8")
    keys.add(open_repository(kept).key)
    new.chmod(0o755)
    keys.add(open_repository(kept).key)
    git(kept, "add", "--all")
    keys.add(open_repository(kept).key)
    new.write_text("#!/bin/sh\n", "utf-8")
    git(kept, "add", "--all")
    new.write_text("", "utf-8")
    keys.add(open_repository(kept).key)
    new.unlink()
    keys.add(open_repository(kept).key)

    assert len(keys) == 5


def test_what_fleet_toml_says_counts_though_git_ignores_it(kept: Path) -> None:
    """The manifest is read past git, and so it counts past git."""
    (kept / ".gitignore").write_text(".fleet/\n.env\nfleet.toml\n", "utf-8")
    git(kept, "rm", "--quiet", "--cached", "fleet.toml")
    before = open_repository(kept).key

    (kept / "fleet.toml").write_text('[fleet]\nname = "shop"\nservices = "apps/*"\n')

    assert open_repository(kept).key != before


def test_what_git_knows_of_before_counts(kept: Path) -> None:
    """The same files after another commit are another change."""
    said = ("-c", "user.name=ann", "-c", "user.email=ann@example.org")
    commit = (*said, "commit", "--quiet", "--allow-empty", "-m")
    git(kept, *commit, "first")
    git(kept, *commit, "second")
    before = open_repository(kept).key

    git(kept, *commit, "third")

    assert open_repository(kept).key != before


def test_a_waiver_ends_though_no_file_changes(kept: Path) -> None:
    """What is kept are breaches: what excuses them is looked at each day anew."""
    (kept / ".gitignore").write_text(".fleet/\n", "utf-8")
    waiver = '[[waivers]]\nrule = "CFG-04"\nwhere = ".gitignore"\n'
    waiver += 'reason = "it is ignored by the template of everybody"\n'
    waiver += "since = 2026-01-01\nuntil = 2026-02-01\n"
    (kept / "fleet.toml").write_text(f'[fleet]\nname = "shop"\n{waiver}', "utf-8")
    days = date(2026, 1, 31), date(2026, 2, 2)

    states = [
        [one.fails for one in report.findings if one.rule.id == "CFG-04"]
        for report in (check(open_repository(kept), today=day) for day in days)
    ]

    assert states == [[False], [True]]


def test_what_is_kept_is_told_without_any_reader(kept: Path) -> None:
    """Nothing that parses is loaded when nothing has changed."""
    code = (
        "import sys; from pathlib import Path;"
        "from fleetwright_cli.commands import _check;"
        "from fleetwright_cli.standard import check, open_repository;"
        "check(open_repository(Path('.')));"
        "print(*sys.modules)"
    )
    words = [sys.executable, "-c", code]
    # What counts the lines of child processes loads modules of its own.
    plain = {k: v for k, v in os.environ.items() if k != "COVERAGE_PROCESS_CONFIG"}
    loaded = subprocess.run(
        words, cwd=kept, env=plain, stdout=subprocess.PIPE, check=True
    ).stdout

    names = loaded.decode().split()
    assert "fleetwright_cli.standard._kept" in names
    heavy = ("multiprocessing", "fleetwright_contracts", "jinja2")
    assert not [one for one in names if one.partition(".")[0] in heavy]
    assert "fleetwright_cli.standard._checkers" not in names


def test_cache_that_came_with_the_repository_is_not_believed(kept: Path) -> None:
    """Who commits a cache that finds nothing is checked all the same."""
    (kept / ".env").touch()
    git(kept, "add", "--force", ".env")
    assert found(kept) == {".env"}
    (cache,) = (kept / ".fleet" / "cache").glob("breaches-*.json")
    git(kept, "add", "--force", ".fleet")
    key = open_repository(kept).key
    cache.write_text(f'{{"key": "{key}", "found": []}}', "utf-8")

    assert found(kept) == {".env"}
