"""Section 2: calls that may fail are guarded, services know little of each other."""

import json
import re
from collections.abc import Iterator

from fleetwright_cli.standard import _kinds as kinds
from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard._rule import Breach, checks
from fleetwright_cli.standard.parsed import Map, YamlProblem, read_yaml

_BARE_CALLS = re.compile(
    r"^(requests\.(get|post|put|patch|delete|request|Session)"
    r"|httpx2?\.(get|post|put|patch|delete|request|stream|Client|AsyncClient)"
    r"|aiohttp\.(ClientSession|request)|urllib\.request\.urlopen"
    r"|grpc\.(aio\.)?(insecure|secure)_channel)$"
)
_CLIENTS = re.compile(r"(Client|Session|_channel)$")
_RETRIES = (
    "tenacity",
    "stamina",
    "backoff",
    "retrying",
    "fleetwright.resilience",
    "hyx",
)
_BREAKERS = (
    "pybreaker",
    "aiobreaker",
    "circuitbreaker",
    "purgatory",
    "hyx",
    "fleetwright.resilience",
)
_PIPELINE = "fleetwright.resilience.Pipeline"
_METRICS = (
    "opentelemetry",
    "prometheus_client",
    "prometheus_fastapi_instrumentator",
    "prometheus_flask_exporter",
    "starlette_exporter",
    "aioprometheus",
    "ddtrace",
    "datadog",
    "statsd",
    "fleetwright",
)
_ALERTS = re.compile(r"(alert|monitor|prometheus|rules)[^/]*(/.*)?\.ya?ml$")
_FAILURES = re.compile(
    r"(^|\.)(Unavailable|OSError|Exception|RpcError|AioRpcError|CircuitOpen\w*"
    r"|\w*(TransportError|ConnectError|ConnectionError|RequestException|RequestError"
    r"|HTTPError|ClientError|URLError|RetryError|BreakerError|Timeout|TimeoutError"
    r"|TimeoutException))$"
)
_FALLBACKS = {"Fallback", "Stale"}


@checks("RES-02")
def retried(repository: Repository) -> Iterator[Breach]:
    """Yield calls to others that are never tried again."""
    for service in repository.services:
        yield from _unguarded(repository, service, _RETRIES, "Retry", "tried again")


@checks("RES-03")
def broken_circuits(repository: Repository) -> Iterator[Breach]:
    """Yield calls to others that go on while the other is down."""
    for service in repository.services:
        yield from _unguarded(
            repository, service, _BREAKERS, "CircuitBreaker", "behind a circuit breaker"
        )


@checks("RES-04")
def degraded(repository: Repository) -> Iterator[Breach]:
    """Yield neighbours without whom a service neither goes on nor says it cannot."""
    for service in repository.services:
        critical = repository.manifest.critical.get(service.name, ())
        catching = [path for path in service.sources if _catches(repository, path)]
        for path in service.sources:
            facts = repository.python(path)
            for provider, kind, line in facts.edges:
                name = kind.rsplit(".", 1)[-1]
                is_borne = any(_uses(repository, one, name) for one in catching)
                if provider not in critical and not is_borne:
                    what = f"nothing stands in for {provider}, and it is not critical"
                    yield Breach(path, line, what)
            for one in facts.calls:
                may_fail_elsewhere = _CLIENTS.search(one.name) and catching
                if _BARE_CALLS.match(one.name) and not (
                    path in catching or may_fail_elsewhere
                ):
                    what = f"nothing stands in for what `{one.name}` calls"
                    yield Breach(path, one.line, what)


@checks("AUT-05")
def monitored(repository: Repository) -> Iterator[Breach]:
    """Yield services that measure nothing, or that no alert names."""
    alerted = _alerted(repository)
    for service in repository.services:
        if repository.runs_python(service) and not _measures(repository, service):
            yield Breach(service.folder, 1, "nothing in it counts or measures")
        if service.name not in alerted:
            yield Breach(service.folder, 1, "no alert names it")


@checks("CPL-01")
def apart(repository: Repository) -> Iterator[Breach]:
    """Yield services that import one another or share a database."""
    owner = {
        package: service.name
        for service in repository.services
        for package in service.packages
        if package not in {"app", "main", "src", "tests", "__init__"}
    }
    for service in repository.services:
        for path in service.sources + service.tests:
            for root, line in repository.python(path).roots.items():
                other = owner.get(root, service.name)
                if other != service.name and root not in service.packages:
                    yield Breach(path, line, f"it imports `{root}` of service {other}")
    yield from _shared_databases(repository)


@checks("API-03")
def versioned(repository: Repository) -> Iterator[Breach]:
    """Yield APIs without a version, and routes outside of one."""
    for service in repository.services:
        if not kinds.frameworks(repository, service) & set(kinds.WEB):
            continue
        for path in service.sources:
            for one in repository.python(path).calls:
                if one.name == "fastapi.FastAPI" and "version" not in one.keywords:
                    yield Breach(path, one.line, "the application is given no version")
        if kinds.is_versioned_whole(repository, service):
            continue
        for route, path, line in kinds.routes(repository, service):
            is_page = _answers_pages(repository, path)
            if (
                not kinds.VERSIONED.match(route)
                and route not in kinds.PROBES
                and not is_page
            ):
                yield Breach(path, line, f"`{route}` does not begin with a version")


@checks("API-02")
def operations_described(repository: Repository) -> Iterator[Breach]:
    """Yield operations of committed contracts that say nothing of themselves."""
    for service in repository.services:
        for path in kinds.contracts(repository, service, "openapi"):
            for name, operation in _operations(repository, path):
                line = repository.line_of(path, f'"{name.split(" ")[1]}"')
                for key in ("summary", "tags", "responses"):
                    if not operation.get(key):
                        yield Breach(path, line, f"{name} has no {key}")
                answers = operation.get("responses")
                codes = answers if isinstance(answers, dict) else {}
                if not any(str(code)[:1] in "45d" for code in codes):
                    yield Breach(path, line, f"{name} describes no error")


def _operations(
    repository: Repository, path: str
) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the operations of an OpenAPI document as `GET /path`."""
    is_json = path.endswith(".json")
    document = repository.json(path) if is_json else repository.yaml(path)
    paths = document.get("paths") if isinstance(document, dict) else None
    for route, operations in paths.items() if isinstance(paths, dict) else ():
        for method, one in operations.items() if isinstance(operations, dict) else ():
            if method in kinds.ROUTE_METHODS and isinstance(one, dict):
                yield f"{method.upper()} {route}", one


def _unguarded(
    repository: Repository,
    service: Unit,
    guards: tuple[str, ...],
    part: str,
    words: str,
) -> Iterator[Breach]:
    """Yield calls out of a service that none of some guards stands before."""
    # A client may be made in one file and guarded in another; a call may not.
    places = {path for path, _, _ in kinds.importing(repository, service, *guards)}
    for path in service.sources:
        for one in repository.python(path).calls:
            is_guarded = path in places or (places and _CLIENTS.search(one.name))
            if _BARE_CALLS.match(one.name) and not is_guarded:
                yield Breach(
                    path, one.line, f"what `{one.name}` calls is never {words}"
                )
            parts = [name.rsplit(".", 1)[-1] for name in one.parts]
            if one.name == _PIPELINE and parts and part not in parts:
                what = f"the pipeline `{one.first}` has no {part}"
                yield Breach(path, one.line, what)


def _catches(repository: Repository, path: str) -> bool:
    """Return whether a file does something else where a neighbour fails."""
    facts = repository.python(path)
    return any(_FAILURES.search(name) for name, _ in facts.caught) or any(
        not _FALLBACKS.isdisjoint(part.rsplit(".", 1)[-1] for part in one.parts)
        for one in facts.calls
    )


def _uses(repository: Repository, path: str, name: str) -> bool:
    """Return whether a file has to do with a client of some type."""
    facts = repository.python(path)
    return (
        any(name in one.names for one in facts.imports)
        or any(one.name == name for one in facts.classes)
        or any(name in text for one in facts.functions for text in one.takes)
    )


def _measures(repository: Repository, service: Unit) -> bool:
    """Return whether a service, or a library that it imports, has metrics."""
    if kinds.imports(repository, service, *_METRICS):
        return True
    if any(route == "/metrics" for route, _, _ in kinds.routes(repository, service)):
        return True
    compose = repository.compose.get(service.name)
    given = compose.get("environment") if isinstance(compose, Map) else None
    names = given if isinstance(given, Map | list) else ()
    if any(str(name).startswith("OTEL_") for name in names):
        return True
    return any(
        kinds.imports(repository, library, *_METRICS)
        for library in repository.libraries
        if kinds.imports(repository, service, *library.packages)
    )


def _alerted(repository: Repository) -> set[str]:
    """Return every word of the alerts of Prometheus and Grafana that there are."""
    words: set[str] = set()
    for path in repository.tree.below(""):
        if not _ALERTS.search(path) or path.startswith(".github/"):
            continue
        try:
            document = read_yaml(repository.text(path))
        except YamlProblem:
            continue  # a template of Helm's, say
        inside = document.get("spec") if isinstance(document, Map) else None
        for one in (document, inside):
            groups = one.get("groups") if isinstance(one, Map) else None
            for group in groups if isinstance(groups, list) else ():
                rules = group.get("rules") if isinstance(group, Map) else None
                words |= set(re.findall(r"[\w-]+", json.dumps(rules or [])))
    return words


def _answers_pages(repository: Repository, path: str) -> bool:
    """Return whether a file answers with pages for people: they have no version."""
    return any(
        one.module.startswith(("jinja2", "fastapi.templating"))
        or {"HTMLResponse", "RedirectResponse", "render_template", "StaticFiles"}
        & {*one.names}
        for one in repository.python(path).imports
    )


def _shared_databases(repository: Repository) -> Iterator[Breach]:
    """Yield services of the compose file that are given one and the same database."""
    seen: dict[str, str] = {}
    for name, one in repository.compose.items():
        given = one.get("environment") if isinstance(one, Map) else None
        url = given.get("DATABASE_URL") if isinstance(given, Map) else None
        if not isinstance(url, str) or not isinstance(one, Map) or "build" not in one:
            continue
        if url in seen and isinstance(given, Map):
            line = given.line_of("DATABASE_URL")
            what = f"{name} and {seen[url]} have the same database"
            yield Breach(repository.compose_path, line, what)
        seen[url] = name
