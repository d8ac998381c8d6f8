"""What kind of service one is, and which contracts that asks for."""

import re
from collections.abc import Iterator

from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard.parsed import Call

WEB = ("fastapi", "flask")
OTHER_FRAMEWORKS = (
    "aiohttp.web",
    "blacksheep",
    "bottle",
    "cherrypy",
    "django",
    "falcon",
    "litestar",
    "quart",
    "robyn",
    "sanic",
    "tornado",
)
ROUTE_METHODS = ("get", "post", "put", "patch", "delete", "route", "api_route")
VERSIONED = re.compile(r"^/(api/)?v\d+(/|$)")
PROBES = {
    "/health",
    "/healthz",
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/ping",
}


def imports(repository: Repository, unit: Unit, *modules: str) -> bool:
    """Return whether a unit's running code imports one of some modules.

    Args:
        repository: Where it is.
        unit: The service or library.
        *modules: Dotted names; what is below them counts.
    """
    return any(True for _ in importing(repository, unit, *modules))


def importing(
    repository: Repository, unit: Unit, *modules: str
) -> Iterator[tuple[str, int, str]]:
    """Yield where a unit's running code imports one of some modules.

    Args:
        repository: Where it is.
        unit: The service or library.
        *modules: Dotted names; what is below them counts.

    Yields:
        Path, line, and which of the modules.
    """
    for path in unit.sources:
        for one in repository.python(path).imports:
            taken = {one.module, *(f"{one.module}.{name}" for name in one.names)}
            for module in modules:
                if any(
                    name == module or name.startswith(f"{module}.") for name in taken
                ):
                    yield path, one.line, module


def frameworks(repository: Repository, service: Unit) -> set[str]:
    """Return which of the standard's ways to serve a service uses."""
    key = f"frameworks {service.folder}"
    if key not in repository.notes:
        repository.notes[key] = _frameworks(repository, service)
    used: set[str] = repository.notes[key]
    return used


def _frameworks(repository: Repository, service: Unit) -> set[str]:
    """Return what `frameworks` keeps."""
    roots = {root for path in service.sources for root in repository.python(path).roots}
    found = roots & set(WEB)
    serves = any(
        base.endswith("Servicer")
        for path in service.sources
        for one in repository.python(path).classes
        for base in one.bases
    )
    return found | ({"grpc"} if serves else set())


def promises(repository: Repository, service: Unit) -> Iterator[tuple[str, str]]:
    """Yield the contracts a service owes to others.

    Args:
        repository: Where it is.
        service: The service.

    Yields:
        Kind of the contract, and what a person calls its file.
    """
    used = frameworks(repository, service)
    if used & set(WEB) and serves_json(repository, service):
        yield "openapi", "OpenAPI document (contracts/openapi.json)"
    if "grpc" in used:
        yield "proto", "`.proto` file"


def serves_json(repository: Repository, service: Unit) -> bool:
    """Return whether programs, and not only people with a browser, call a service."""
    return any(VERSIONED.match(path) for path, _, _ in routes(repository, service))


def is_versioned_whole(repository: Repository, service: Unit) -> bool:
    """Return whether routers get their version where they are put together.

    Args:
        repository: Where it is.
        service: The service.

    Returns:
        Whether `include_router`, `mount` or a router is given one, or something that
        only a run of the code would know.
    """
    for path in service.sources:
        for one in repository.python(path).calls:
            method = one.name.rsplit(".", 1)[-1]
            given = one.keywords.get("prefix", one.keywords.get("url_prefix", ""))
            if method == "mount":
                given = one.first
            is_joined = method in {"include_router", "register_blueprint", "mount"}
            is_computed = bool(given) and not given.startswith("/")
            if method in {"APIRouter", "Blueprint"} and is_computed:
                return True
            if is_joined and (is_computed or VERSIONED.match(given)):
                return True
    return False


def is_route(decorator: Call) -> bool:
    """Return whether a decorator declares a route of the service itself.

    Args:
        decorator: A decorator; `fleetwright.rest.get` declares a call to another one.
    """
    method = decorator.name.rsplit(".", 1)[-1]
    is_own = not decorator.name.startswith("fleetwright.rest")
    return method in ROUTE_METHODS and "." in decorator.name and is_own


def client_methods(repository: Repository, service: Unit) -> Iterator[str]:
    """Yield the methods by which a service calls others, as `fleetwright.rest` has it.

    Args:
        repository: Where it is.
        service: The service.
    """
    for path in service.sources:
        for function in repository.python(path).functions:
            if any(
                one.name.startswith("fleetwright.rest.") for one in function.decorators
            ):
                yield function.name.rsplit(".", 1)[-1]


def contracts(repository: Repository, service: Unit, kind: str) -> Iterator[str]:
    """Yield the committed contracts of a kind; a `.proto` may be elsewhere.

    Args:
        repository: Where it is.
        service: The service.
        kind: `openapi`, `asyncapi` or `proto`; the last one may be in a library, or
            wherever it is where the service has the code that was made of it.
    """
    made = set[str]()
    for path in repository.tree.below(service.folder):
        name = path.rsplit("/", 1)[-1]
        if name.endswith("_pb2.py"):
            made.add(name.replace("_pb2.py", ".proto"))
        is_named = name.startswith(kind) and name.endswith((".json", ".yaml", ".yml"))
        if is_named or name.endswith(f".{kind}"):
            yield path
    if kind == "proto":
        yield from (
            path
            for one in repository.libraries
            for path in repository.tree.below(one.path("src"), ".proto")
        )
        yield from (
            path
            for path in repository.tree.below("", ".proto")
            if path.rsplit("/", 1)[-1] in made
        )


def routes(repository: Repository, service: Unit) -> Iterator[tuple[str, str, int]]:
    """Yield the HTTP routes a service declares, prefixes of its own router included.

    Args:
        repository: Where it is.
        service: The service.

    Yields:
        The path as callers see it, the file and the line.
    """
    for _, route, path, line in operations(repository, service):
        yield route, path, line


def operations(
    repository: Repository, service: Unit
) -> Iterator[tuple[str, str, str, int]]:
    """Yield the HTTP operations a service declares, prefixes of its router included.

    Args:
        repository: Where it is.
        service: The service.

    Yields:
        The method, the path as callers see it, the file and the line.
    """
    for path in service.sources:
        facts = repository.python(path)
        prefixes = {
            one.keywords.get("prefix") or one.keywords.get("url_prefix") or ""
            for one in facts.calls
            if one.name.endswith((".APIRouter", ".Blueprint"))
        }
        prefix = prefixes.pop() if len(prefixes) == 1 else ""
        for function in facts.functions:
            for one in filter(is_route, function.decorators):
                if one.first.startswith("/") or (prefix and not one.first):
                    method = one.name.rsplit(".", 1)[-1]
                    yield method, prefix + one.first, path, one.line
