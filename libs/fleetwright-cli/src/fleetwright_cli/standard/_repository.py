"""A repository as the rules see it: its services, libraries and parsed files."""

import json
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from fleetwright_cli._digests import digest_of
from fleetwright_cli.fleet import Manifest
from fleetwright_cli.standard._facts import Facts
from fleetwright_cli.standard._history import History
from fleetwright_cli.standard._shapes import table_at
from fleetwright_cli.standard._tree import Tree
from fleetwright_cli.standard.parsed import (
    Dockerfile,
    Job,
    Makefile,
    Map,
    Python,
    Requirements,
    YamlProblem,
    github_jobs,
    gitlab_jobs,
    read_dockerfile,
    read_makefile,
    read_requirements,
    read_yaml,
)

COMPOSE = ("docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml")
_SERVICE_MARKS = ("Dockerfile", "requirements.in", "requirements.txt", "pyproject.toml")
_PYTHON_MARKS = ("requirements.in", "requirements.txt", "pyproject.toml", "setup.py")
_RUN_PYTHON = ("python", ".py", "gunicorn", "uvicorn", "celery")
# Newer syntax is read by the check only where it is run by a newer Python.
_VERSION = ".".join(map(str, sys.version_info[:2]))
_GENERATED = ("_pb2.py", "_pb2_grpc.py")


@dataclass(frozen=True, slots=True)
class Unit:
    """A service or a library.

    Attributes:
        name: Its folder's name.
        folder: Its folder below the root.
        sources: Its Python files that run: below `src/`, or all but tests without one.
        tests: Its Python files below `tests/`.
        packages: The top packages it defines.
        is_service: Whether it is a service.
    """

    name: str
    folder: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    packages: tuple[str, ...]
    is_service: bool

    @property
    def is_python(self) -> bool:
        """Whether there is any Python in it: an image alone is judged as one."""
        return bool(self.sources or self.tests)

    def path(self, name: str) -> str:
        """Return the path of a file of its own."""
        return f"{self.folder}/{name}"


@dataclass
class Repository:
    """All that a checker may ask.

    Attributes:
        tree: The files.
        manifest: What fleet.toml says.
        facts: What was read from Python and requirements.
        cache: Where what is found is kept; None for nowhere.
        history: What git knows beside the files.
        problems: What could not be parsed: path, line, reason.
        notes: What a checker worked out for others.
    """

    tree: Tree
    manifest: Manifest
    facts: Facts = field(default_factory=Facts)
    cache: Path | None = None
    history: History = field(default_factory=History)
    problems: dict[str, tuple[int, str]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    _python: dict[str, Python] = field(default_factory=dict)
    _requirements: dict[str, Requirements] = field(default_factory=dict)
    _read: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What all is that findings come from; empty where git does not tell."""
        key, said = self.tree.key, self.manifest.model_dump_json()
        return digest_of(key, self.history.key, said) if key else ""

    @cached_property
    def services(self) -> list[Unit]:
        """The services: folders with code or a mark of one."""
        return list(self._units(self.manifest.fleet.services, is_service=True))

    @property
    def python_services(self) -> list[Unit]:
        """The services that are written in Python: they hold some, and it runs."""
        return [one for one in self.services if self.runs_python(one)]

    def runs_python(self, service: Unit) -> bool:
        """Return whether Python runs in a service: what only builds it does not count.

        Args:
            service: The service; one that is not told otherwise by its image does.
        """
        if not service.is_python or not self.tree.has(service.path("Dockerfile")):
            return service.is_python
        if any(self.tree.has(service.path(one)) for one in _PYTHON_MARKS):
            return True
        image = self.dockerfile(service.path("Dockerfile"))
        chain = image.chain(image.final) if image.final else []
        said = [stage.image for stage in chain]
        said += [one.value for stage in chain for one in stage.instructions]
        return not said or any(word in one for one in said for word in _RUN_PYTHON)

    @cached_property
    def libraries(self) -> list[Unit]:
        """The libraries."""
        return list(self._units(self.manifest.fleet.libraries, is_service=False))

    @cached_property
    def vendored(self) -> tuple[str, ...]:
        """The folders of libraries that are written, and judged, elsewhere."""
        wanted = self.manifest.fleet.vendored
        return tuple(one.folder for one in self.libraries if one.name in wanted)

    @property
    def units(self) -> list[Unit]:
        """Services and libraries."""
        return self.services + self.libraries

    @cached_property
    def jobs(self) -> list[Job]:
        """The jobs of all pipelines."""
        found: list[Job] = []
        for path in self.workflows:
            read = gitlab_jobs if path.startswith(".gitlab") else github_jobs
            found += read(path, self.yaml(path))
        return found

    @cached_property
    def workflows(self) -> list[str]:
        """The files of pipelines."""
        found = [
            path
            for path in self.tree.below(".github/workflows")
            if path.endswith((".yml", ".yaml"))
        ]
        return found + [".gitlab-ci.yml"] * self.tree.has(".gitlab-ci.yml")

    @cached_property
    def compose_path(self) -> str:
        """The compose file at the root; the standard's name when there is none."""
        return next((one for one in COMPOSE if self.tree.has(one)), COMPOSE[0])

    @property
    def compose(self) -> Map:
        """The compose file's services; empty when there are none."""
        found = self.yaml(self.compose_path)
        services = found.get("services") if isinstance(found, Map) else None
        return services if isinstance(services, Map) else Map(1)

    @cached_property
    def development(self) -> dict[str, str]:
        """Distributions that development needs, each with the file that names it."""
        found: dict[str, str] = {}
        for path in self.tree.entries:
            folder, _, name = path.rpartition("/")
            is_listed = name.startswith(("requirements", "dev")) and name.endswith(
                (".in", ".txt")
            )
            if is_listed and folder in {"", "requirements"}:
                found |= dict.fromkeys(self.requirements(path).names, path)
        for path in [
            "pyproject.toml",
            *(one.path("pyproject.toml") for one in self.services),
        ]:
            if self.tree.has(path):
                found |= dict.fromkeys(_grouped(self.toml(path)), path)
        return found

    def text(self, path: str) -> str:
        """Return a file as text; what is no UTF-8 is a problem and reads as empty."""
        try:
            return self.tree.read(path).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self._problem(
                path, 1, f"is not UTF-8: {error.reason} at byte {error.start}"
            )
            return ""

    def python(self, path: str) -> Python:
        """Return the facts of a Python file."""
        found = self._python.get(path)
        if found is None:
            found = self.facts.get("python", self.tree.read(path))
            self._python[path] = found
        if found.error:
            reason = f"is not valid Python {_VERSION}: {found.error}"
            self._problem(path, found.error_line, reason)
        return found

    def requirements(self, path: str) -> Requirements:
        """Return the lines of a requirements file; none when there is no such file."""
        if path not in self._requirements:
            found = self.facts.get("requirements", self.tree.read(path))
            self._requirements[path] = found
        return self._requirements[path]

    def dockerfile(self, path: str) -> Dockerfile:
        """Return a Dockerfile's stages."""
        made: Dockerfile = self._once(path, read_dockerfile)
        for one in made.unknown[:1]:
            self._problem(path, one.line, f"`{one.name}` is no instruction of Docker's")
        return made

    def makefile(self, path: str) -> Makefile:
        """Return a Makefile's targets."""
        made: Makefile = self._once(path, read_makefile)
        return made

    def yaml(self, path: str) -> Any:
        """Return a YAML file's first document; None when it is none."""
        try:
            return self._once(path, read_yaml)
        except YamlProblem as problem:
            self._problem(path, problem.line, f"is not valid YAML: {problem}")
            return None

    def toml(self, path: str) -> dict[str, Any]:
        """Return a TOML file's tables; empty when it is none."""
        try:
            return dict(self._once(path, tomllib.loads))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            self._problem(path, 1, f"is not valid TOML: {error}")
            return {}

    def json(self, path: str) -> Any:
        """Return a JSON file's value; None when it is none."""
        try:
            return self._once(path, json.loads)
        except (ValueError, RecursionError) as error:
            self._problem(path, 1, f"is not valid JSON: {error}")
            return None

    def line_of(self, path: str, *words: str) -> int:
        """Return the first line that holds all words: where to look, not what is so."""
        for number, line in enumerate(self.text(path).splitlines(), 1):
            if all(word in line for word in words):
                return number
        return 1

    def prepare(self) -> None:
        """Have all Python read, in several processes when it is much."""
        read = self.tree.read
        python = [path for unit in self.units for path in unit.sources + unit.tests]
        self.facts.prepare([("python", read(path)) for path in python])

    def _once(self, path: str, reader: Any) -> Any:
        """Return what a reader makes of a file, made once."""
        if path not in self._read:
            self._read[path] = reader(self.text(path))
        return self._read[path]

    def _problem(self, path: str, line: int, reason: str) -> None:
        """Keep the first reason why a file cannot be read."""
        self.problems.setdefault(path, (line, reason))

    def _units(self, pattern: str, *, is_service: bool) -> Iterator[Unit]:
        """Yield the folders that a pattern names and that hold code."""
        depth = len(PurePosixPath(pattern).parts)
        inside: dict[str, list[str]] = {}
        for path in self.tree.below(""):
            parts = path.split("/")
            if len(parts) > depth and fnmatchcase("/".join(parts[:depth]), pattern):
                inside.setdefault("/".join(parts[:depth]), []).append(path)
        for folder, paths in sorted(inside.items()):
            if any(
                one.endswith(".py") or one[len(folder) + 1 :] in _SERVICE_MARKS
                for one in paths
            ):
                yield _unit(folder, paths, is_service=is_service)


def _grouped(project: dict[str, Any]) -> Iterator[str]:
    """Yield the distributions of a pyproject's groups for development."""
    groups = table_at(project, "dependency-groups")
    extras = table_at(project, "project", "optional-dependencies")
    for one in (*groups.values(), *extras.values()):
        lines = one if isinstance(one, list) else ()
        text = "\n".join(line for line in lines if isinstance(line, str))
        yield from read_requirements(text).names


def _unit(folder: str, paths: list[str], *, is_service: bool) -> Unit:
    """Return a folder as a unit."""
    python = [one for one in paths if one.endswith(".py")]
    tests = [one for one in python if one.startswith(f"{folder}/tests/")]
    within = f"{folder}/src/"
    sources = [one for one in python if one.startswith(within)] or [
        one for one in python if "/tests/" not in one
    ]
    packages = {
        one.removeprefix(within)
        .removeprefix(f"{folder}/")
        .split("/")[0]
        .removesuffix(".py")
        for one in sources
    }
    return Unit(
        folder.rsplit("/", 1)[-1],
        folder,
        tuple(one for one in sources if not one.endswith(_GENERATED)),
        tuple(tests),
        tuple(sorted(packages)),
        is_service,
    )
