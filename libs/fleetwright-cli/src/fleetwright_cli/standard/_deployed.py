"""What compose and Kubernetes give each service's process as its environment."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard._shapes import list_at, value_at
from fleetwright_cli.standard.parsed import Map, YamlProblem, read_yaml

_FOLDERS = ("deploy", "k8s", "kubernetes", "manifests")
_WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}


@dataclass(frozen=True, slots=True)
class Given:
    """One variable with what it is set to.

    Attributes:
        value: As written; None where it comes from a secret or another object.
        path: The file.
        line: Where.
    """

    value: str | None
    path: str
    line: int


@dataclass(slots=True)
class Deployed:
    """How one service is deployed by one kind of files.

    Attributes:
        service: Its name.
        by: `compose` or `Kubernetes`.
        path: The file to look at when something is missing.
        given: What is set, by variable.
        is_open: Whether more may be set by what is not in the repository.
    """

    service: str
    by: str
    path: str
    given: dict[str, Given] = field(default_factory=dict)
    is_open: bool = False


def deployed(repository: Repository) -> list[Deployed]:
    """Return how each service is deployed, by each kind of files that does it.

    Args:
        repository: The fleet's files.
    """
    found = [one for name in repository.services for one in _compose(repository, name)]
    return found + list(_kubernetes(repository))


def _compose(repository: Repository, service: Unit) -> Iterator[Deployed]:
    """Yield what compose sets for the containers of a service."""
    path = repository.compose_path
    for name, one in repository.compose.items():
        # Another container of the same image may be run for something else.
        if not isinstance(one, Map) or name != service.name:
            continue
        made = Deployed(service.name, "compose", path, is_open="env_file" in one)
        line = one.line_of("environment")
        for key, value, at in _pairs(one.get("environment"), line):
            made.given[key] = Given(value, path, at)
        yield made


def _pairs(raw: Any, line: int) -> Iterator[tuple[str, str | None, int]]:
    """Yield names, values and lines of an `environment:`, in either form."""
    if isinstance(raw, Map):
        for key, value in raw.items():
            is_text = isinstance(value, str)
            text = value if is_text else None if value is None else str(value).lower()
            yield key, text, raw.line_of(key)
    for one in raw if isinstance(raw, list) else ():
        key, sign, value = str(one).partition("=")
        yield key, value if sign else None, line


def _kubernetes(repository: Repository) -> Iterator[Deployed]:
    """Yield what manifests set for the containers of each service."""
    objects = list(_objects(repository))
    kept: dict[str, dict[str, Given]] = {}
    for path, one in objects:
        for name, pairs in _config_maps(one):
            for key, value, line in pairs:
                kept.setdefault(name, {})[key] = Given(value, path, line)
    names = {one.name for one in repository.services}
    found: dict[str, Deployed] = {}
    for path, one in objects:
        name = value_at(one, "metadata", "name")
        if one.get("kind") not in _WORKLOADS or name not in names:
            continue
        made = found.setdefault(name, Deployed(name, "Kubernetes", path))
        for container in _containers(one):
            _fill(made, container, kept)
    yield from found.values()


def _fill(made: Deployed, container: Map, kept: dict[str, dict[str, Given]]) -> None:
    """Take up what one container is given."""
    for source in list_at(container, "envFrom"):
        name = value_at(source, "configMapRef", "name")
        if isinstance(name, str) and name in kept:
            made.given |= kept[name]
        else:
            made.is_open = True
    for one in list_at(container, "env"):
        if isinstance(one, Map) and isinstance(one.get("name"), str):
            value = one.get("value")
            text = None if value is None else str(value)
            made.given[one["name"]] = Given(text, made.path, one.line_of("name"))


def _containers(workload: Map) -> Iterator[Map]:
    """Yield the containers of a workload, those that run first included."""
    waiting: list[Any] = [workload]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Map):
            for key, value in one.items():
                if key in {"containers", "initContainers"}:
                    yield from (
                        each for each in list_at(value) if isinstance(each, Map)
                    )
                else:
                    waiting.append(value)


def _config_maps(one: Map) -> Iterator[tuple[str, list[tuple[str, str | None, int]]]]:
    """Yield the ConfigMaps of an object: itself, or those a kustomization makes."""
    name = value_at(one, "metadata", "name")
    if one.get("kind") == "ConfigMap" and isinstance(name, str):
        yield name, list(_pairs(one.get("data"), one.line))
    for made in list_at(one, "configMapGenerator"):
        if isinstance(made, Map) and isinstance(made.get("name"), str):
            lines = made.line_of("literals")
            yield made["name"], [
                (key, value, lines + 1 + number)
                for number, (key, value, _) in enumerate(
                    _pairs(made.get("literals"), 0)
                )
            ]


def _objects(repository: Repository) -> Iterator[tuple[str, Map]]:
    """Yield the objects of all manifests; their lines are those of their files."""
    for folder in _FOLDERS:
        for path in repository.tree.below(folder):
            if not path.endswith((".yml", ".yaml")):
                continue
            before = ""
            for text in repository.text(path).split("\n---"):
                try:
                    # Line ends stand for what came before: lines stay as they are.
                    found = read_yaml("\n" * before.count("\n") + text)
                except YamlProblem:
                    found = None
                before += f"{text}\n"
                if isinstance(found, Map):
                    yield path, found
