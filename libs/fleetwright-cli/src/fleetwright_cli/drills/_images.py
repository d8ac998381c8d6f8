"""The images of services built and brought up by docker-compose, as the file says.

Nothing is left behind: the containers have a project of their own, and published ports
are given where the file leaves them open.
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from fleetwright_cli.standard import Breach, Repository
from fleetwright_cli.standard.parsed import Map

IMAGE_RULES = frozenset(("CON-01", "CON-04", "CON-05", "CON-08", "CON-10"))
BUILD_SECONDS = 1800
UP_SECONDS = 300.0
LARGEST_BYTES = 500_000_000
_LOOK_SECONDS = 0.5
_PORT = re.compile(r"\$\{(\w*PORT\w*):-\d+\}")
_ROOT = {"", "0", "root"}
Found = tuple[str, Breach]


def engine_answers() -> bool:
    """Return whether a Docker engine and docker-compose can be asked here."""
    if shutil.which("docker") is None or not _compose_words():
        return False
    try:
        done = _run(
            ["docker", "version", "--format", "{{.Server.Version}}"], seconds=20
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def image_breaches(
    repository: Repository, tell: Callable[[str], None] = lambda text: None
) -> Iterator[Found]:
    """Yield what goes wrong when all services are built, brought up and taken down.

    Args:
        repository: A repository on disk.
        tell: Gets a line when work begins.
    """
    if not repository.tree.has(repository.compose_path):
        return
    project = _Project(repository, f"fleet-check-{secrets.token_hex(4)}")
    try:
        tell("building the images")
        failed = list(project.built())
        yield from failed
        if failed:
            return
        tell("bringing the containers up")
        yield from project.brought_up()
        yield from project.looked_at()
    finally:
        tell("taking the containers down")
        left = list(project.taken_down())
    yield from left


@dataclass(slots=True)
class _Project:
    """All containers of a compose file under a name of their own.

    Attributes:
        repository: Where the compose file is.
        name: The name of the project.
    """

    repository: Repository
    name: str
    _variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give free ports where the compose file lets them be chosen."""
        text = self.repository.text(self.repository.compose_path)
        for name in set(_PORT.findall(text)) - os.environ.keys():
            self._variables[name] = str(_free_port())

    def built(self) -> Iterator[Found]:
        """Yield the services whose images cannot be built."""
        for name in self._own():
            done = self._compose("build", name, seconds=BUILD_SECONDS)
            if done.returncode:
                what = f"its image cannot be built: {_last(done)}"
                yield "CON-01", Breach(self._dockerfile(name), 1, what)

    def brought_up(self) -> Iterator[Found]:
        """Yield what does not become healthy in time."""
        path = self.repository.compose_path
        done = self._compose("up", "--detach", seconds=BUILD_SECONDS)
        if done.returncode:
            yield "CON-08", Breach(path, 1, f"`up` fails: {_last(done)}")
            return
        waiting = set(self._containers())
        deadline = time.monotonic() + UP_SECONDS
        while waiting and time.monotonic() < deadline:
            waiting = {one for one in waiting if not self._is_well(one)}
            time.sleep(_LOOK_SECONDS if waiting else 0)
        for one in sorted(waiting):
            name = self._containers().get(one, one)
            what = f"{name} is not healthy {UP_SECONDS:g} s after `up --detach`"
            yield "CON-08", Breach(path, self.repository.compose.line_of(name), what)

    def looked_at(self) -> Iterator[Found]:
        """Yield containers that run as root, and images that are large."""
        own = set(self._own())
        for identity, name in self._containers().items():
            if name not in own:
                continue
            facts = _inspected(identity)
            user = str(facts.get("Config", {}).get("User", "")).partition(":")[0]
            if user in _ROOT:
                what = f"the container of {name} runs as root"
                yield "CON-05", Breach(self._dockerfile(name), 1, what)
            size = int(_inspected(str(facts.get("Image", ""))).get("Size", 0))
            if size > LARGEST_BYTES:
                what = f"the image of {name} has {size // 1_000_000} MB"
                most = LARGEST_BYTES // 1_000_000
                place = self._dockerfile(name)
                yield "CON-04", Breach(place, 1, f"{what}, more than {most}")

    def taken_down(self) -> Iterator[Found]:
        """Yield what is left behind."""
        path = self.repository.compose_path
        done = self._compose("down", "--volumes", "--timeout", "20", seconds=300)
        if done.returncode:
            yield "CON-10", Breach(path, 1, f"`down` fails: {_last(done)}")
        left = self._containers(every=True)
        if left:
            what = f"`down` leaves {', '.join(sorted(left.values()))} behind"
            yield "CON-10", Breach(path, 1, what)

    def _own(self) -> list[str]:
        """Return the services of compose that are built from a Dockerfile here."""
        return [
            name
            for name, one in self.repository.compose.items()
            if isinstance(one, Map) and "build" in one and not one.get("profiles")
        ]

    def _dockerfile(self, name: str) -> str:
        """Return the Dockerfile of a service; else the compose file."""
        path = f"services/{name}/Dockerfile"
        has = self.repository.tree.has(path)
        return path if has else self.repository.compose_path

    def _containers(self, *, every: bool = False) -> dict[str, str]:
        """Return the project's containers, with the services they belong to."""
        words = ["docker", "ps", "--no-trunc", "--format", "{{json .}}"]
        words += ["--all"] if every else []
        words += ["--filter", f"label=com.docker.compose.project={self.name}"]
        lines = _run(words, seconds=60).stdout.splitlines()
        found = {}
        for one in map(json.loads, lines):
            labels = dict(
                each.partition("=")[::2] for each in str(one["Labels"]).split(",")
            )
            found[str(one["ID"])] = labels.get("com.docker.compose.service", "")
        return found

    def _is_well(self, identity: str) -> bool:
        """Return whether a container is healthy, or runs where nothing is asked."""
        state = _inspected(identity).get("State", {})
        if "Health" in state:
            return bool(state["Health"].get("Status") == "healthy")
        return bool(state.get("Running"))

    def _compose(self, *words: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run compose in the repository."""
        root = self.repository.tree.root
        file = ["--file", self.repository.compose_path]
        whole = [*_compose_words(), *file, "--project-name", self.name, *words]
        variables = _buildkit() | self._variables
        return _run(whole, seconds=seconds, folder=root, **variables)


@cache
def _buildkit() -> dict[str, str]:
    """Return the variables that have compose build by BuildKit; none where it cannot.

    A newer client needs a plugin for that, which may be missing; an older one beside it
    does not.
    """
    variables = {"COMPOSE_DOCKER_CLI_BUILD": "1", "DOCKER_BUILDKIT": "1"}
    for folder in os.get_exec_path():
        client = os.path.join(folder, "docker")
        if not os.access(client, os.X_OK):
            continue
        done = _run([client, "build", "--help"], seconds=20, folder=None, **variables)
        if done.returncode == 0:
            before = os.environ.get("PATH", "")
            return {**variables, "PATH": f"{folder}{os.pathsep}{before}"}
    return {}


def _compose_words() -> list[str]:
    """Return how compose is called here; nothing where it is not."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if shutil.which("docker") is None:
        return []
    done = _run(["docker", "compose", "version"], seconds=20)
    return ["docker", "compose"] if done.returncode == 0 else []


def _inspected(identity: str) -> dict[str, Any]:
    """Return what Docker says of a container or an image."""
    done = _run(["docker", "inspect", identity], seconds=60)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        return {}
    return found[0] if found else {}


def _free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        port: int = candidate.getsockname()[1]
        return port


def _last(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last error that a program told, or else its last line."""
    said = f"{done.stdout}\n{done.stderr}".strip().splitlines()
    errors = [one for one in said if "ERROR" in one or "error:" in one]
    told = errors or said or [f"it ends with {done.returncode}"]
    return told[-1].strip()[:200]


def _run(
    words: list[str], *, seconds: float, folder: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(  # noqa: S603 - Docker's own programs, our own words
        words,
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=seconds,
    )
