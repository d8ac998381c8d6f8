"""Images: their Dockerfiles, their tags, their bills, and what an engine answers.

Where an engine and the stand-in of a base image are there, one image is really built;
what no engine does on demand (no space, a registry that refuses) a stand-in says.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.deploy._facts import World
from fleetwright_cli.deploy._files import mend
from fleetwright_cli.deploy.images._affected import is_altered
from fleetwright_cli.deploy.images._builds import Builds, Built
from fleetwright_cli.deploy.images._dockerfile import dockerfiles
from fleetwright_cli.deploy.images._engine import Engine, find_engine
from fleetwright_cli.deploy.images._inputs import ignored_by, inputs, tag_of
from fleetwright_cli.deploy.images._sbom import sbom
from fleetwright_cli.deploy.images._secrets import leaks
from fleetwright_cli.fleet import discover
from fleetwright_cli.standard import open_repository

if TYPE_CHECKING:
    from deploy.conftest import StandIn

ROOT = Path(__file__).resolve().parents[4]
BASE = "fleetwright-python:3.11-slim"  # as .ci/base-image makes it


def built(world: World, *names: str, push: bool = False) -> list[Built]:
    """Return how builds by the first engine on the PATH ended."""
    talk: list[str] = []
    return list(Builds(world, find_engine(), BASE, push, talk.append).run(names))


def test_committed_dockerfiles_are_what_the_tree_says(world: World) -> None:
    """Every service has one, and nobody edited one that is the tool's."""
    wanted = dockerfiles(world)

    assert len(wanted) == len(world.facts)
    assert mend(ROOT, wanted, check=True) == []


def test_tag_follows_what_an_image_is_made_from(tmp_path: Path) -> None:
    """A changed line, lock, library or base gives another tag; a test does not."""
    for name in ("fleet.toml", ".dockerignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("services/storefront", "libs/fleetwright"):
        ignore = shutil.ignore_patterns("__pycache__", "tests", "*.egg-info")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    manifest = tmp_path / "fleet.toml"
    manifest.write_text('[fleet]\nname = "shop"\n')
    small = World(discover(tmp_path), open_repository(tmp_path))
    service = tmp_path / "services/storefront"
    first = tag_of(small, "storefront", BASE)
    (service / "tests").mkdir()
    (service / "tests" / "test_x.py").write_text("x = 1\n")
    (service / "src" / "storefront" / "__pycache__").mkdir()
    (service / "src" / "storefront" / "__pycache__" / "a.pyc").write_text("")
    (service / "src" / ".env").write_text("TOKEN=1\n")
    assert tag_of(small, "storefront", BASE) == first
    seen = {first, tag_of(small, "storefront", "python:3.12-slim")}

    for path in (
        service / "src" / "storefront" / "words.py",
        service / "requirements.txt",
        service / "Dockerfile",
        tmp_path / "libs/fleetwright/src/fleetwright/errors.py",
    ):
        path.write_text(path.read_text() + "\n")
        seen.add(tag_of(small, "storefront", BASE))

    assert len(seen) == 6


@pytest.fixture
def small(tmp_path: Path) -> World:
    """Give a fleet of one service and one library that nothing is built of yet."""
    files = {
        "fleet.toml": '[fleet]\nname = "shop"\n',
        ".dockerignore": "**/.env\n**/*.txt.key\n",
        "libs/money/pyproject.toml": '[project]\nname = "money"\n',
        "libs/money/src/money/__init__.py": "",
        "services/till/requirements.in": "-e ../../libs/money\n",
        "services/till/requirements.txt": "",
        "services/till/Dockerfile": "FROM scratch\n",
        "services/till/src/till/__init__.py": "",
        "services/till/src/till/.env": f"TOKEN=ghp_{'a' * 36}\n",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return World(discover(tmp_path), open_repository(tmp_path))


SECRETS = {
    "a private key": f"-----BEGIN RSA PRIVATE KEY-----\n{'MIIE' * 10}\n",
    "a key of AWS": f"key = 'AKIA{'A' * 16}'",
    "a token of GitHub": f"ghp_{'a' * 36}",
    "a token of GitLab": f"glpat-{'a' * 20}",
    "a token of Slack": f"xoxb-{'1' * 24}",
    "a key of Google": f"AIza{'a' * 35}",
    "a key of Stripe": f"sk_live_{'a' * 24}",
    "a token of PyPI": f"pypi-{'a' * 80}",
    "a JSON web token": f"eyJ{'a' * 20}.eyJ{'b' * 20}.{'c' * 30}",
    "a password in a URL": "postgresql://till:Tr0ub4dor@db.example.org/till",
}


@pytest.mark.parametrize("what", SECRETS)
def test_secret_in_a_source_is_found(small: World, what: str) -> None:
    """By its form, in the file that would be copied, never told itself."""
    path = small.fleet.root / "libs/money/src/money/__init__.py"
    path.write_text(f"# begin\n{SECRETS[what]}\n")

    (found,) = leaks(small, "till")

    assert str(found) == f"libs/money/src/money/__init__.py:2 {what}"


@pytest.mark.parametrize(
    "words",
    [
        "amqp://user:password@host/",
        "https://{user}:{password}@host/",
        f"ghp_{'a' * 36}  # fleet: no secret",
        "https://example.org/a:b@c",
    ],
)
def test_samples_are_no_secrets(small: World, words: str) -> None:
    """What says itself that it is none; what never reaches an engine."""
    path = small.fleet.root / "services/till/src/till/__init__.py"
    path.write_text(f"{words}\n")

    assert list(leaks(small, "till")) == []


def test_image_with_a_secret_is_not_built(small: World, docker: StandIn) -> None:
    """The engine is not even asked."""
    (small.fleet.root / "services/till/src/till/id_rsa").write_text("x")

    (one,) = built(small, "till")

    assert one.state == "failed"
    assert "services/till/src/till/id_rsa:1 is a file of secrets" in one.why
    assert not any(call.startswith("build ") for call in docker.calls)


@pytest.mark.parametrize(
    ("missing", "hint"),
    [
        ("services/till/requirements.txt", "run `fleet lock till`"),
        ("services/till/Dockerfile", "run `fleet build --write`"),
    ],
)
def test_service_without_lock_or_dockerfile_is_named(
    small: World, docker: StandIn, missing: str, hint: str
) -> None:
    """It is not built, the engine is not asked, and what makes the file is said."""
    (small.fleet.root / missing).unlink()

    (one,) = built(small, "till")

    assert one.state == "failed"
    assert f"{missing} is missing" in one.why
    assert one.hint == hint
    assert not any(call.startswith("build ") for call in docker.calls)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("services/till/src/till/gone.py", True),
        ("services/till/requirements.txt", True),
        ("services/till/Dockerfile", True),
        ("libs/money/src/money/__init__.py", True),
        (".dockerignore", True),
        ("services/till/tests/test_till.py", False),
        ("services/till/src/till/.env", False),
        ("services/tills/src/tills/__init__.py", False),
        ("docs/index.md", False),
    ],
)
def test_change_alters_the_images_that_are_made_of_it(
    small: World, path: str, expected: bool
) -> None:
    """Its sources, its lock, its libraries; not its tests, not its neighbours."""
    assert is_altered(small, "till", (path,)) is expected


def test_what_docker_ignores_is_no_input(world: World) -> None:
    """The patterns are read as Docker reads them."""
    ignored = ignored_by(ROOT)

    assert ignored.search("services/orders/src/.env")
    assert ignored.search("docs/index.md")
    assert not ignored.search("services/orders/src/docs.py")
    assert all("tests" not in path.parts for path in inputs(world, "orders"))


def test_bill_of_materials_has_every_pin_of_the_lock(world: World) -> None:
    """Names, versions and hashes are the lock's; equal inputs give equal bytes."""
    lock = world.fleet.services["orders"].lock.read_text("utf-8")

    bill = sbom(world, "orders", "abc")

    pins = {one["purl"] for one in bill["components"] if "purl" in one}
    assert len(pins) == sum("==" in one for one in lock.splitlines())
    hashes = [
        one["content"]
        for component in bill["components"]
        for reference in component.get("externalReferences", ())
        for one in reference["hashes"]
    ]
    assert len(hashes) == lock.count("--hash=sha256:")
    assert {"fleetwright", "shop-stock"} <= {it["name"] for it in bill["components"]}
    assert json.dumps(bill) == json.dumps(sbom(world, "orders", "abc"))


def test_unchanged_image_is_not_built(world: World, docker: StandIn) -> None:
    """What has the tag of these inputs already is left as it is."""
    tag = tag_of(world, "orders", BASE)
    docker.knows(has=[f"{world.manifest.deploy.registry}/orders:{tag}"])

    (one,) = built(world, "orders")

    assert one.state == "unchanged"
    assert not any(call.startswith("build ") for call in docker.calls)


def test_image_is_pushed_once(world: World, docker: StandIn) -> None:
    """The digest is the registry's; an image it has is not sent again."""
    (one,) = built(world, "orders", push=True)
    docker.knows(has=[one.image])
    (again,) = built(world, "orders", push=True)

    assert (one.state, one.digest) == ("built", f"sha256:{'a' * 64}")
    assert (again.state, again.digest, again.pushed) == ("unchanged", "", True)


REFUSALS = {
    "write /var/lib/docker: no space left on device": "no space left",
    "denied: requested access to the resource is denied": "the registry refuses",
    "THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS": "not what the lock",
    "manifest for python:3.99-slim not found: manifest unknown": "built on cannot be",
    "ERROR: process did not complete: exit code: 1": "the build failed",
}


@pytest.mark.parametrize("words", REFUSALS)
def test_failure_is_told_in_our_words_and_keeps_nobody(
    world: World, docker: StandIn, words: str
) -> None:
    """Half-way through, the others are built, and the engine's words are kept."""
    docker.knows(refuses={"services/orders/Dockerfile": words})

    found = built(world, "catalog", "orders", "stock")

    assert [one.state for one in found] == ["built", "failed", "built"]
    assert REFUSALS[words] in found[1].why
    assert words in found[1].why
    assert found[1].hint


def test_refused_push_is_a_failure_of_that_image(world: World, docker: StandIn) -> None:
    """It was built; the next run only pushes."""
    docker.knows(refuses={"push ": "unauthorized: authentication required"})

    (one,) = built(world, "orders", push=True)

    assert one.state == "failed"
    assert "the registry refuses" in one.why


def test_engine_that_is_too_old_or_away_is_named(
    docker: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each way to have no engine has its own words."""
    docker.knows(version="19.03.1")
    monkeypatch.setenv("FLEET_ENGINE", "docker")
    with pytest.raises(FleetError, match="no engine can build") as old:
        find_engine()
    docker.knows(refuses={"version": "Cannot connect to the Docker daemon"})
    with pytest.raises(FleetError, match="no engine can build") as away:
        find_engine()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(FleetError, match="no engine is here"):
        find_engine()

    assert "docker 19.03.1 is too old: 20.10 is the least" in old.value.where
    assert "Cannot connect" in away.value.where


@pytest.mark.parametrize(
    ("facts", "chosen", "builder"),
    [
        ({}, "docker", "buildkit"),
        ({"refuses": {"buildx": "no such command"}}, "docker", "classic"),
        (
            {"refuses": {"buildx": "no such command"}, "version": "20.10.24"},
            "docker",
            "buildkit",
        ),
        ({"version": "5.0.1"}, "podman", "buildah"),
    ],
)
def test_builder_is_the_best_that_is_there(
    docker: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    facts: dict[str, Any],
    chosen: str,
    builder: str,
) -> None:
    """BuildKit where it can be had, the classic builder where it cannot, Podman's."""
    docker.knows(**facts)
    monkeypatch.setenv("FLEET_ENGINE", chosen)

    assert find_engine().builder == builder


@pytest.fixture(params=["docker", "podman"])
def engine(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """Give an engine of this machine, where the base image's stand-in is."""
    monkeypatch.setenv("FLEET_ENGINE", request.param)
    try:
        found = find_engine()
    except FleetError as error:
        pytest.skip(f"no engine: {error.where or error.message}")
    if not found.has(BASE):
        pytest.skip(f"{BASE} is not there: .ci/base-image makes it (for Docker)")
    yield found


def test_image_is_really_built_once(world: World, engine: Engine) -> None:
    """The image has its user, its health check and where it comes from."""
    (one,) = built(world, "storefront")
    (again,) = built(world, "storefront")

    said = subprocess.run(
        [engine.program, "image", "inspect", one.image],
        capture_output=True,
        check=True,
    )
    (facts,) = json.loads(said.stdout)
    config = facts["Config"]
    health = facts.get("Healthcheck") or config["Healthcheck"]  # Podman's, Docker's
    assert one.state in ("built", "unchanged"), one.why
    assert again.state == "unchanged"
    assert 0 < one.added < 120_000_000
    assert config["User"] == "10001:10001"
    assert health["Test"][0] == "CMD"
    assert config["Labels"]["org.opencontainers.image.version"] in one.image
    assert (ROOT / one.sbom).is_file()
