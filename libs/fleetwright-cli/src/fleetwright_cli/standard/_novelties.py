"""What a change brings that a fleet did not have: services, servers, topics, breaks."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from fleetwright_cli.standard import _kinds as kinds
from fleetwright_cli.standard._history import Before
from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard._shapes import table_at, value_at
from fleetwright_cli.standard.parsed import Map, YamlProblem, read_yaml


class Novelty(NamedTuple):
    """Something that is new.

    Attributes:
        path: Where it is.
        what: What it is, in a few words.
    """

    path: str
    what: str


def novelties(repository: Repository, before: Before) -> Iterator[Novelty]:
    """Yield what is significant and was not there before.

    Args:
        repository: As it is.
        before: As it was.
    """
    known = {"/".join(path.split("/")[:2]) for path in before.names}
    for unit in repository.units:
        kind = "service" if unit.is_service else "library"
        if unit.folder not in known:
            yield Novelty(unit.folder, f"{kind} {unit.name}")
        elif unit.is_service:
            yield from _promised(repository, unit, before)
    path = repository.compose_path
    if path in before.names:
        servers = _servers(repository.compose) - _servers(_compose(before.text(path)))
        yield from (Novelty(path, f"server {name}") for name in sorted(servers))


def _promised(
    repository: Repository, service: Unit, before: Before
) -> Iterator[Novelty]:
    """Yield topics, and contracts that break what they promised."""
    for path in kinds.contracts(repository, service, "asyncapi"):
        was = _read(before.text(path)) if path in before.names else {}
        topics = table_at(_read(repository.text(path)), "channels").keys()
        for topic in sorted(topics - table_at(was, "channels").keys()):
            yield Novelty(path, f"topic {topic}")
    for path in kinds.contracts(repository, service, "openapi"):
        old, new = _major(before.text(path)), _major(repository.text(path))
        if path in before.names and old != new:
            yield Novelty(path, f"version {new} of the API, after {old},")


def _major(text: str) -> str:
    """Return the first number of an OpenAPI document's version."""
    version = value_at(_read(text), "info", "version")
    return str(version or "").partition(".")[0]


def _read(text: str) -> dict[str, Any]:
    """Return a document in JSON or YAML; nothing where it is none."""
    try:
        found = json.loads(text) if text.startswith("{") else read_yaml(text)
    except (ValueError, RecursionError, YamlProblem):
        return {}
    return found if isinstance(found, dict) else {}


def _compose(text: str) -> Map:
    """Return the services of a compose file."""
    services = _read(text).get("services")
    return services if isinstance(services, Map) else Map(1)


def _servers(compose: Map) -> set[str]:
    """Return the services of compose that are built from nothing of ours."""
    return {
        name
        for name, one in compose.items()
        if isinstance(one, Map) and "image" in one and "build" not in one
    }
