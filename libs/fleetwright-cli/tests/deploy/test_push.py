"""Pushing to a registry that really runs: what it then has, and what it refuses.

Needs Docker's engine and the program `docker-registry` (Debian has it in a package).
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2
import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.deploy._facts import World
from fleetwright_cli.deploy.images import _engine
from fleetwright_cli.deploy.images._builds import Builds, Built
from fleetwright_cli.deploy.images._engine import Engine, find_engine
from fleetwright_cli.fleet import discover
from fleetwright_cli.standard import open_repository

PROGRAM = "docker-registry"
ANSWERS_IN = 60.0
# `ann`, whose password is `pw`, by bcrypt: all the users that it knows.
USERS = "ann:$2b$04$pHpi7cDF9T38TwBrdRibEeFgm1hSzJcLBHlThaj1iugfR72BKVpwe\n"
CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
http: {{addr: "{address}"}}
storage:
  filesystem: {{rootdirectory: "{data}"}}
  maintenance: {{readonly: {{enabled: {closed}}}}}
"""
DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${{BASE_IMAGE}}
COPY {folder}/src /app
"""


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry on this machine.

    Attributes:
        address: Where it listens.
        data: Where it keeps what it has.
        process: Its process.
    """

    address: str
    data: Path
    process: subprocess.Popen[bytes]

    @property
    def names(self) -> list[str]:
        """The images that can be had from it, by what it keeps: name and tag."""
        root = self.data / "docker/registry/v2/repositories"
        links = root.glob("*/_manifests/tags/*/current/link")
        return sorted(f"{it.parts[-6]}:{it.parts[-3]}" for it in links)

    def digest(self, image: str) -> str:
        """Return what it says an image is."""
        place, _, name = image.partition("/")
        repository, _, tag = name.partition(":")
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        answer = httpx2.get(
            f"http://{place}/v2/{repository}/manifests/{tag}",
            headers={"Accept": kind},
            timeout=ANSWERS_IN,
        )
        return answer.raise_for_status().headers["Docker-Content-Digest"]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a slow machine be no silent registry."""
    monkeypatch.setattr(_engine, "ANSWER_SECONDS", 300.0)


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Give Docker's engine."""
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"no {PROGRAM} is on the PATH: `apt install {PROGRAM}`")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLEET_ENGINE", "docker")
        try:
            return find_engine()
        except FleetError as error:
            pytest.skip(f"no engine: {error.where or error.message}")


@pytest.fixture(scope="module")
def base(engine: Engine) -> Iterator[str]:
    """Give a base image of one file: what is sent is then small."""
    name = f"fleetwright-nothing:{uuid.uuid4().hex[:12]}"
    here = Path(__file__)
    words = ["tar", "--create", "--directory", str(here.parent), here.name]
    tar = subprocess.run(words, capture_output=True, check=True)
    words = [engine.program, "import", "-", name]
    subprocess.run(words, input=tar.stdout, capture_output=True, check=True)
    yield name
    removed(engine, name)


def removed(engine: Engine, *names: str) -> None:
    """Take images away from the engine."""
    words = [engine.program, "image", "rm", "--force", *names]
    subprocess.run(words, capture_output=True)


@dataclass
class Registries:
    """Starts registries, and ends them.

    Attributes:
        folder: Where they keep what they have.
    """

    folder: Path

    def __post_init__(self) -> None:
        """Begin with none."""
        self.started: list[Registry] = []

    def start(self, *, closed: bool = False, users: str = "") -> Registry:
        """Return a registry that listens: it takes nothing, or asks who it is."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        home = self.folder / address.partition(":")[2]
        home.mkdir()
        said = CONFIG.format(
            address=address, data=home / "data", closed=str(closed).lower()
        )
        if users:
            (home / "users").write_text(users)
            said += f"auth: {{htpasswd: {{realm: shop, path: {home / 'users'}}}}}\n"
        (home / "config.yml").write_text(said)
        process = subprocess.Popen(
            [PROGRAM, "serve", str(home / "config.yml")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        found = Registry(address, home / "data", process)
        self.started.append(found)
        answered(address)
        return found


def answered(address: str) -> None:
    """Wait until a registry answers at all, `401` too."""
    until = time.monotonic() + ANSWERS_IN
    while time.monotonic() < until:
        with contextlib.suppress(httpx2.TransportError):
            httpx2.get(f"http://{address}/v2/", timeout=ANSWERS_IN)
            return
    raise TimeoutError(f"no registry answers at {address}")


@pytest.fixture
def registries(tmp_path: Path) -> Iterator[Registries]:
    """Give a starter of registries."""
    found = Registries(tmp_path)
    yield found
    for one in found.started:
        one.process.kill()
        one.process.wait()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a fleet of two services that nobody else builds."""
    files = {"fleet.toml": '[fleet]\nname = "shop"\n'}
    for name in ("desk", "till"):
        folder = f"services/{name}"
        files |= {
            f"{folder}/requirements.in": "",
            f"{folder}/requirements.txt": "",
            f"{folder}/Dockerfile": DOCKERFILE.format(folder=folder),
            f"{folder}/src/{name}/__init__.py": f'"""{uuid.uuid4()}"""\n',
        }
    root = tmp_path / "fleet"
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return World(discover(root), open_repository(root))


def pushed(
    world: World, engine: Engine, base: str, registry: str, *names: str
) -> list[Built]:
    """Return how images that a registry is to have ended; none is left here."""
    deploy = world.manifest.deploy.model_copy(update={"registry": registry})
    manifest = world.manifest.model_copy(update={"deploy": deploy})
    there = replace(world, fleet=replace(world.fleet, manifest=manifest))
    found = list(Builds(there, engine, base, True, print).run(names or world.facts))
    removed(engine, *(one.image for one in found))
    return found


def test_registry_has_what_was_pushed_by_its_digest(
    world: World, engine: Engine, base: str, registries: Registries
) -> None:
    """The digest is the registry's own; what it has is neither built nor sent again."""
    registry = registries.start()

    first = pushed(world, engine, base, registry.address)
    again = pushed(world, engine, base, registry.address)

    assert [one.state for one in first] == ["built", "built"]
    assert all(one.sent and one.pushed for one in first)
    assert [one.digest for one in first] == [registry.digest(i.image) for i in first]
    assert registry.names == [one.image.partition("/")[2] for one in first]
    assert [(one.state, one.sent) for one in again] == [("unchanged", False)] * 2
    assert [one.digest for one in again] == [one.digest for one in first]


def test_registry_that_asks_who_it_is_gets_nothing(
    world: World,
    engine: Engine,
    base: str,
    registries: Registries,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody is told to log in, nothing of the image is there; then it is pushed."""
    registry = registries.start(users=USERS)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))

    (one,) = pushed(world, engine, base, registry.address, "till")

    assert one.state == "failed"
    assert "the registry refuses" in one.why
    assert "docker login" in one.hint
    assert registry.names == []
    assert not any(registry.data.rglob("data"))

    login = [engine.program, "login", "--username", "ann", "--password-stdin"]
    subprocess.run([*login, registry.address], input=b"pw", check=True)
    (one,) = pushed(world, engine, base, registry.address, "till")
    assert one.sent, one.why
    assert registry.names == [one.image.partition("/")[2]]


def test_registry_that_can_only_be_read_gets_nothing(
    world: World, engine: Engine, base: str, registries: Registries
) -> None:
    """It is told apart from one that does not know us."""
    registry = registries.start(closed=True)

    found = pushed(world, engine, base, registry.address)

    assert [one.state for one in found] == ["failed", "failed"]
    assert "can only be read" in found[0].why
    assert registry.names == []


def test_registry_that_goes_away_keeps_what_is_whole(
    world: World, engine: Engine, base: str, registries: Registries
) -> None:
    """What was pushed before can be had; what came after is not there by half."""
    registry = registries.start()
    (first,) = pushed(world, engine, base, registry.address, "desk")
    registry.process.send_signal(signal.SIGKILL)
    registry.process.wait()

    (second,) = pushed(world, engine, base, registry.address, "till")

    assert first.sent
    assert second.state == "failed"
    assert "a registry does not answer" in second.why
    assert registry.names == [first.image.partition("/")[2]]
