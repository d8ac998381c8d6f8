"""The graph of a fleet, read from its files; nothing of it is run."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from fleetwright_cli.graph._graph import Edge, Graph, Node
from fleetwright_cli.local._needs import providers
from fleetwright_cli.standard import Repository
from fleetwright_cli.standard._repository import Unit
from fleetwright_cli.standard._shapes import list_at, table_at, value_at
from fleetwright_cli.standard.parsed import normalised, read_requirements

NEEDS = "contracts/needs.json"
EVENTS = "contracts/asyncapi.json"


def read_graph(repository: Repository) -> Graph:
    """Return who needs whom.

    Args:
        repository: The fleet's files.
    """
    edges = [*_libraries(repository), *_calls(repository)]
    heard = {
        one.name: set(topics(repository, one, "receive")) for one in repository.units
    }
    told = {one.name: set(topics(repository, one, "send")) for one in repository.units}
    edges += _events(repository, heard, told)
    services = [Node(one.name, "service", one.folder) for one in repository.services]
    libraries = [Node(one.name, "library", one.folder) for one in repository.libraries]
    known = {one.name for one in services + libraries}
    outside = sorted({one.target for one in edges} - known)
    all_heard, all_told = set().union(*heard.values()), set().union(*told.values())
    return Graph(
        (*services, *libraries, *(Node(name, "external") for name in outside)),
        tuple(sorted(edges, key=lambda one: (one.kind, one.source, one.target))),
        tuple(sorted(all_told - all_heard)),
        tuple(sorted(all_heard - all_told)),
    )


def topics(repository: Repository, unit: Unit, action: str) -> Iterator[str]:
    """Yield the topics that a unit's AsyncAPI document says it sends or receives.

    Args:
        repository: Where it is.
        unit: The service or library.
        action: `send` or `receive`.
    """
    path = unit.path(EVENTS)
    document = repository.json(path) if repository.tree.has(path) else None
    for one in table_at(document, "operations").values():
        reference = value_at(one, "channel", "$ref")
        if value_at(one, "action") == action and isinstance(reference, str):
            key = reference.rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~")
            address = value_at(document, "channels", key, "address")
            yield address if isinstance(address, str) else key


def _libraries(repository: Repository) -> Iterator[Edge]:
    """Yield who imports or requires a library."""
    packages = {
        package: one.name for one in repository.libraries for package in one.packages
    }
    names = {_distribution(repository, one): one.name for one in repository.libraries}
    for unit in repository.units:
        required = _required(repository, unit, names)
        run = _imported(repository, unit.sources, packages)
        tried = _imported(repository, unit.tests, packages)
        for name in sorted((required.keys() | run.keys() | tried.keys()) - {unit.name}):
            is_test = name in tried and name not in run and name not in required
            yield Edge(
                unit.name,
                name,
                "test" if is_test else "library",
                is_declared=name in required or is_test,
                is_seen=name in run or name in tried,
                where=run.get(name) or tried.get(name) or required[name],
            )


def _imported(
    repository: Repository, paths: Iterable[str], packages: dict[str, str]
) -> dict[str, str]:
    """Return the libraries that files import, each with the first place."""
    found: dict[str, str] = {}
    for path in paths:
        for one in repository.python(path).imports:
            name = packages.get(one.module.partition(".")[0])
            if name is not None:
                found.setdefault(name, f"{path}:{one.line}")
    return found


def _required(
    repository: Repository, unit: Unit, names: dict[str, str]
) -> dict[str, str]:
    """Return the libraries that a unit requires, each with the place that says so."""
    path = unit.path("requirements.in")
    lines = repository.requirements(path).lines if repository.tree.has(path) else ()
    folders = {one.folder.rsplit("/", 1)[-1] for one in repository.libraries}
    found = {}
    for one in lines:
        folder = PurePosixPath(one.path).name
        name = folder if folder in folders else names.get(one.name)
        if name is not None and (one.path or one.name):
            found[name] = f"{path}:{one.line}"
    path = unit.path("pyproject.toml")
    project = table_at(repository.toml(path), "project")
    extras = table_at(project, "optional-dependencies")
    for group in (
        list_at(project, "dependencies"),
        *(list_at(extras, one) for one in extras),
    ):
        for said in read_requirements("\n".join(map(str, group))).names:
            if said in names:
                found.setdefault(
                    names[said], f"{path}:{repository.line_of(path, said)}"
                )
    return found


def _distribution(repository: Repository, library: Unit) -> str:
    """Return the name under which a library is required."""
    said = value_at(repository.toml(library.path("pyproject.toml")), "project", "name")
    return normalised(str(said or library.name))


def _calls(repository: Repository) -> Iterator[Edge]:
    """Yield who calls whom: by code, by `needs.json`, by `[callers]`."""
    allowed = repository.manifest.callers
    services = {one.name for one in repository.services}
    for service in repository.services:
        seen = _called(repository, service)
        needed = set(_needed(repository, service))
        promised = {
            name for name, callers in allowed.items() if service.name in callers
        }
        for name in sorted(seen.keys() | needed | promised):
            # Who keeps no list of callers has left it to the routes.
            is_open = name not in allowed or name not in services
            yield Edge(
                service.name,
                name,
                "call",
                is_declared=is_open or name in promised or name in needed,
                is_seen=name in seen
                or (not repository.runs_python(service) and name in needed),
                where=seen.get(name)
                or (service.path(NEEDS) if name in needed else "fleet.toml"),
            )


def _called(repository: Repository, service: Unit) -> dict[str, str]:
    """Return whom a service's code calls, each with the first place."""
    names = providers(repository.tree.root / service.folder) - {service.name}
    found: dict[str, str] = {}
    for path in service.sources:
        for one in repository.python(path).calls:
            name = one.keywords.get("provider", "")
            if name in names:
                found.setdefault(name, f"{path}:{one.line}")
    return dict.fromkeys(sorted(names), service.folder) | found


def _needed(repository: Repository, service: Unit) -> Iterator[str]:
    """Yield whom a service's `needs.json` names as a provider of calls."""
    path = service.path(NEEDS)
    document = repository.json(path) if repository.tree.has(path) else None
    for kind in ("calls", "rpc"):
        for one in list_at(document, kind):
            name = value_at(one, "provider")
            if isinstance(name, str):
                yield name


def _events(
    repository: Repository, heard: dict[str, set[str]], told: dict[str, set[str]]
) -> Iterator[Edge]:
    """Yield who hears whom, by their AsyncAPI documents."""
    folders = {one.name: one.path(EVENTS) for one in repository.units}
    for listener, wanted in sorted(heard.items()):
        for teller, given in sorted(told.items()):
            if both := tuple(sorted(wanted & given)):
                yield Edge(
                    listener, teller, "event", topics=both, where=folders[listener]
                )
