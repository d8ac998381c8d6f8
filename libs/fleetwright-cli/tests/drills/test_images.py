"""`fleet check --deep` and containers: what Docker says becomes a breach."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleetwright_cli.drills import _images as images
from fleetwright_cli.standard import open_repository, rules

FILES = {
    "fleet.toml": '[fleet]\nname = "shop"\n',
    "services/billing/Dockerfile": "FROM x\n",
    "docker-compose.yml": "services:\n"
    "  billing:\n"
    "    build: {context: ., dockerfile: services/billing/Dockerfile}\n"
    '    ports: ["${BILLING_PORT:-8000}:8000"]\n',
}
Engine = Callable[..., None]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Give what sets up programs that stand in for Docker's, with some faults."""
    stand_in = Path(__file__).with_name("docker_stand_in.py").read_text("utf-8")
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("docker", "docker-compose"):
        (folder / name).write_text(f"#!{sys.executable}\n{stand_in}", "utf-8")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    images._buildkit.cache_clear()

    def set_up(**faults: object) -> None:
        (folder / "state.json").write_text(json.dumps(faults), "utf-8")

    yield set_up


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a fleet with one service in compose."""
    for name, content in FILES.items():
        path = tmp_path / "fleet" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return tmp_path / "fleet"


def found(root: Path) -> set[tuple[str, str]]:
    """Return rules and paths of what goes wrong."""
    breaches = images.image_breaches(open_repository(root))
    return {(rule, breach.path) for rule, breach in breaches}


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({}, set()),
        ({"unbuildable": ["billing"]}, {("CON-01", "services/billing/Dockerfile")}),
        ({"health": "starting"}, {("CON-08", "docker-compose.yml")}),
        ({"user": "root"}, {("CON-05", "services/billing/Dockerfile")}),
        ({"user": ""}, {("CON-05", "services/billing/Dockerfile")}),
        ({"bytes": 900_000_000}, {("CON-04", "services/billing/Dockerfile")}),
        ({"stuck": True}, {("CON-10", "docker-compose.yml")}),
    ],
)
def test_what_goes_wrong_is_told_by_its_rule(
    engine: Engine,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    faults: dict[str, object],
    expected: set[tuple[str, str]],
) -> None:
    """Each fault alone, and nothing else with it."""
    monkeypatch.setattr(images, "UP_SECONDS", 0.3)
    engine(**faults)

    assert found(root) == expected


def test_fleet_without_compose_has_nothing_to_bring_up(
    engine: Engine, root: Path
) -> None:
    """CON-07 tells of that."""
    engine()
    (root / "docker-compose.yml").unlink()

    assert found(root) == set()


def test_engine_is_there_or_not(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an engine, or without its programs, nothing can be tried."""
    engine()
    assert images.engine_answers()
    engine(away=True)
    assert not images.engine_answers()

    monkeypatch.setenv("PATH", "")

    assert not images.engine_answers()


def test_client_that_can_build_is_taken(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One without its plugin may come first on the path; there may be no other."""
    engine()
    older = tmp_path / "bin"
    newer = tmp_path / "newer"
    shutil.copytree(older, newer)
    (newer / "state.json").write_text('{"plugin_missing": true}', "utf-8")

    monkeypatch.setenv("PATH", f"{newer}:{older}")
    assert images._buildkit()["PATH"] == f"{older}:{newer}:{older}"

    images._buildkit.cache_clear()
    monkeypatch.setenv("PATH", str(newer))
    assert images._buildkit() == {}


@pytest.mark.parametrize("identity", sorted(images.IMAGE_RULES))
def test_rules_of_images_say_why_and_mend(identity: str) -> None:
    """A finding of a container is told like any other."""
    assert rules()[identity].why
    assert rules()[identity].mend
