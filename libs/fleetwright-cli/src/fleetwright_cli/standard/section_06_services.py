"""Section 6: the framework, the settings, the calls between services, the log."""

import re
from collections.abc import Iterator

from fleetwright_cli.standard import _kinds as kinds
from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard._rule import Breach, checks
from fleetwright_cli.standard._settings import descends, is_secret, settings_of
from fleetwright_cli.standard.parsed import Call, Class

_MOST_FLASK_ROUTES = 10
_BLOCKING = re.compile(
    r"^(time\.sleep|requests\.\w+|urllib\.request\.urlopen|subprocess\.(run|call|check_\w+)"
    r"|os\.system|httpx2?\.(get|post|put|patch|delete|request)|input|open)$"
)
_OTHER_CALLS = ("xmlrpc", "Pyro4", "Pyro5", "zerorpc", "rpyc", "jsonrpclib", "spyne")
_OTHER_BUSES = ("zmq", "nats", "stomp", "paho", "rq", "huey")
_OTHER_LOGGERS = ("loguru", "logbook", "eliot", "twiggy", "logzero")
_HTTP_LIBRARIES = ("httpx", "httpx2", "requests", "aiohttp.ClientSession")
_SENDS = re.compile(
    r"(^(requests|httpx2?)|client|session|http)\.(post|put|patch|delete)$",
    re.IGNORECASE,
)
_LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}
# Where something is that runs beside the service: a link for the reader is none.
_ADDRESS = re.compile(
    r"^(postgres(ql)?|mysql|mariadb|redis|rediss|amqps?|mongodb|kafka|nats|sqlite|s3)"
    r"(\+\w+)?://[^{\s]|^https?://([^/\s@]*@)?(localhost|\d+\.\d+\.\d+\.\d+|[\w-]+)"
    r"(:\d+)?(/|$)"
)
_VERBS = {
    "get",
    "fetch",
    "list",
    "create",
    "add",
    "make",
    "update",
    "edit",
    "modify",
    "delete",
    "remove",
    "do",
    "execute",
    "perform",
    "process",
    "handle",
}


@checks("SVC-01")
def known_framework(repository: Repository) -> Iterator[Breach]:
    """Yield services on a framework that the standard does not name."""
    for service in repository.services:
        seen = set()
        found = kinds.importing(repository, service, *kinds.OTHER_FRAMEWORKS)
        for path, line, name in found:
            if name not in seen:
                seen.add(name)
                yield Breach(path, line, f"it is served by {name}, not by FastAPI")


@checks("SVC-02")
def flask_for_small(repository: Repository) -> Iterator[Breach]:
    """Yield services on Flask that have outgrown it."""
    for service in repository.services:
        if "flask" not in kinds.frameworks(repository, service):
            continue
        found = list(kinds.routes(repository, service))
        if len(found) > _MOST_FLASK_ROUTES:
            _, path, line = found[_MOST_FLASK_ROUTES]
            what = f"{len(found)} routes are more than {_MOST_FLASK_ROUTES}"
            yield Breach(path, line, f"{what}: it is no simple service any more")


@checks("SVC-03")
def loop_kept_free(repository: Repository) -> Iterator[Breach]:
    """Yield calls in coroutines that stop all other calls."""
    for unit in repository.units:
        for path in unit.sources:
            for one in repository.python(path).calls:
                if one.is_in_async and _BLOCKING.match(one.name):
                    yield Breach(
                        path,
                        one.line,
                        f"`{one.name}` blocks the loop in `{one.inside}`",
                    )


@checks("SVC-04")
def api_shown(repository: Repository) -> Iterator[Breach]:
    """Yield applications that switch their OpenAPI document off."""
    for service, path, one in _applications(repository):
        is_api = kinds.serves_json(repository, service)
        if is_api and one.keywords.get("openapi_url") == "None":
            yield Breach(
                path, one.line, "`openapi_url=None` hides the OpenAPI document"
            )


@checks("CFG-01")
def twelve_factors(repository: Repository) -> Iterator[Breach]:
    """Yield development servers in images, and logs that go to files."""
    for service in repository.services:
        path = service.path("Dockerfile")
        final = repository.dockerfile(path).final
        for one in final.all("CMD", "ENTRYPOINT") if final else ():
            words = one.words
            is_flask = "flask" in words and "run" in words
            is_fastapi = "fastapi" in words and "dev" in words
            if "--reload" in words or is_flask or is_fastapi:
                yield Breach(
                    path, one.line, "it starts a server that is for development"
                )
        for source in service.sources:
            for call in repository.python(source).calls:
                if re.search(r"^logging\.(handlers\.)?\w*FileHandler$", call.name):
                    yield Breach(
                        source, call.line, "the log goes to a file, not to stdout"
                    )


@checks("CFG-02")
def settings_from_environment(repository: Repository) -> Iterator[Breach]:
    """Yield reads of the environment beside the settings, and addresses in code."""
    for service in repository.services:
        allowed = {one.path for one in settings_of(repository, service)}
        for path in service.sources:
            facts = repository.python(path)
            if path in allowed or path.endswith("settings.py"):
                continue
            calls = [one.line for one in facts.calls if one.name == "os.getenv"]
            for line in sorted({*facts.environ, *calls}):
                yield Breach(path, line, "it reads the environment beside the settings")
            for text, line in facts.urls:
                if _ADDRESS.match(text):
                    yield Breach(path, line, f"`{text[:60]}` is an address in the code")


@checks("CFG-03")
def env_example(repository: Repository) -> Iterator[Breach]:
    """Yield services with settings that show nobody how to set them."""
    for service in repository.services:
        path = service.path(".env.example")
        if settings_of(repository, service) and not repository.tree.has(path):
            yield Breach(path, 1, "it is not there")


@checks("CFG-04")
def env_never_committed(repository: Repository) -> Iterator[Breach]:
    """Yield `.env` files in git, and ignore files that would let one through."""
    for path, entry in repository.tree.entries.items():
        name = path.rsplit("/", 1)[-1]
        is_example = name.endswith((".example", ".template", ".sample"))
        is_env = name == ".env" or name.startswith(".env.")
        if is_env and entry.tracked and not is_example:
            yield Breach(path, 1, "it is in the repository")
    for path in (".gitignore", ".dockerignore"):
        lines = {one.strip() for one in repository.text(path).splitlines()}
        if not lines & {
            ".env",
            "**/.env",
            "*.env",
            ".env*",
            "**/.env*",
            "/.env",
            ".env*/",
        }:
            yield Breach(path, 1, "`.env` is not ignored")


@checks("CFG-05")
def pydantic_settings(repository: Repository) -> Iterator[Breach]:
    """Yield services whose settings do not come from pydantic-settings."""
    for service in repository.python_services:
        if service.sources and not settings_of(repository, service):
            yield Breach(service.folder, 1, "no class inherits from `BaseSettings`")


@checks("CFG-06")
def typed_settings(repository: Repository) -> Iterator[Breach]:
    """Yield settings without a real type, and secrets that a log would show."""
    for service in repository.services:
        for one in settings_of(repository, service):
            for field in one.found.fields:
                if field.annotation in {"Any", "dict", "object", "list", "typing.Any"}:
                    what = f"{field.name} is `{field.annotation}`: no value is refused"
                    yield Breach(one.path, field.line, what)
                if is_secret(field) and "str" in field.annotation.split(" | "):
                    what = f"{field.name} is `str`: a log would show it"
                    yield Breach(
                        one.path, field.line, f"{what}; `SecretStr` hides itself"
                    )


@checks("COM-01")
def http_between_services(repository: Repository) -> Iterator[Breach]:
    """Yield calls between services by other means than HTTP or gRPC."""
    for service in repository.services:
        for path, line, name in kinds.importing(repository, service, *_OTHER_CALLS):
            yield Breach(path, line, f"{name} is neither HTTP nor gRPC")


@checks("COM-02")
def restful_paths(repository: Repository) -> Iterator[Breach]:
    """Yield routes that name deeds or are not in kebab-case."""
    for service in repository.services:
        for route, path, line in kinds.routes(repository, service):
            for part in route.strip("/").split("/"):
                if part.startswith(("{", "<")) or re.fullmatch(r"v\d+", part):
                    continue
                if part.lower().split("-")[0].split("_")[0] in _VERBS:
                    yield Breach(
                        path, line, f"`{part}` in `{route}` is a deed, not a thing"
                    )
                elif "_" in part or part != part.lower():
                    yield Breach(
                        path, line, f"`{part}` in `{route}` is not in kebab-case"
                    )


@checks("COM-03")
def models_on_routes(repository: Repository) -> Iterator[Breach]:
    """Yield routes of FastAPI whose answer has no schema."""
    for service in repository.services:
        if "fastapi" not in kinds.frameworks(repository, service):
            continue
        for path in service.sources:
            facts = repository.python(path)
            for one in facts.functions if "fastapi" in facts.roots else ():
                for route in filter(kinds.is_route, one.decorators):
                    is_told = one.returns not in {"", "dict", "Any", "dict[str, Any]"}
                    if not is_told and not _is_modelled(route):
                        what = f"the answer of `{one.name}` has no schema"
                        yield Breach(path, one.line, what)


@checks("COM-04")
def api_not_by_hand(repository: Repository) -> Iterator[Breach]:
    """Yield services that put a document of their own in the place of FastAPI's."""
    for service in repository.services:
        if "fastapi" not in kinds.frameworks(repository, service):
            continue
        for path in service.sources:
            for name, line in repository.python(path).assigned:
                if name.endswith((".openapi", ".openapi_schema")):
                    yield Breach(path, line, f"`{name}` is written by hand")


@checks("COM-05")
def known_brokers(repository: Repository) -> Iterator[Breach]:
    """Yield events that go over something else than RabbitMQ or Kafka."""
    for service in repository.services:
        for path, line, name in kinds.importing(repository, service, *_OTHER_BUSES):
            yield Breach(path, line, f"{name} is neither RabbitMQ nor Kafka")


@checks("COM-06")
def told_by_events(repository: Repository) -> Iterator[Breach]:
    """Yield calls to others whose answer nobody takes: what an event is for."""
    for service in repository.services:
        declared = set(kinds.client_methods(repository, service))
        found = kinds.importing(repository, service, *_HTTP_LIBRARIES)
        clients = {path for path, _, _ in found}
        for path in service.sources:
            facts = repository.python(path)
            has_client = path in clients
            # `redis.delete(key)` is none of HTTP's: what is asked has a URL.
            asked = {
                (one.name, one.line)
                for one in facts.calls
                if one.first.startswith(("/", "http", "f"))
            }
            for name, line in facts.dropped:
                is_whole = name.startswith(("httpx", "requests"))
                is_sent = _SENDS.search(name) and (is_whole or (name, line) in asked)
                if (has_client and is_sent) or name.rsplit(".", 1)[-1] in declared:
                    yield Breach(path, line, f"nobody takes the answer of `{name}`")


@checks("LOG-01")
def structured_logs(repository: Repository) -> Iterator[Breach]:
    """Yield lines that reach stdout without structure."""
    for service in repository.services:
        for path in service.sources:
            for one in repository.python(path).calls:
                method = one.name.rsplit(".", 1)[-1]
                if one.name == "print" and not _answers_a_person(path):
                    yield Breach(
                        path, one.line, "`print` writes a line without structure"
                    )
                elif (
                    method in _LOG_METHODS and one.first == 'f"..."' and _logs(one.name)
                ):
                    yield Breach(
                        path, one.line, "an f-string hides the values in the text"
                    )


@checks("LOG-02")
def known_loggers(repository: Repository) -> Iterator[Breach]:
    """Yield other logging libraries than the standard's."""
    for unit in repository.units:
        for path, line, name in kinds.importing(repository, unit, *_OTHER_LOGGERS):
            yield Breach(path, line, f"{name} is neither `logging` nor structlog")


def _answers_a_person(path: str) -> bool:
    """Return whether a module is the command line of a service."""
    return any(part in {"cli", "_cli", "cli.py", "_cli.py"} for part in path.split("/"))


def _is_modelled(route: Call) -> bool:
    """Return whether a route's decorator says what is answered, or that nothing is."""
    keywords = route.keywords
    is_empty = "204" in keywords.get("status_code", "")
    has_class = "response_class" in keywords
    return keywords.get("response_model", "None") != "None" or is_empty or has_class


def shown_models(repository: Repository, unit: Unit) -> Iterator[tuple[str, Class]]:
    """Yield the models that the API of a unit takes or gives, and those inside them.

    Args:
        repository: Where it is.
        unit: The service or library.
    """
    known = {
        one.name: (path, one)
        for path in unit.sources
        for one in repository.python(path).classes
    }
    waiting = list(_named_by_routes(repository, unit))
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in known or name in seen:
            continue
        seen.add(name)
        path, one = known[name]
        if one.fields and descends(repository, one, "BaseModel"):
            yield path, one
        for text in (*one.bases, *(field.annotation for field in one.fields)):
            waiting += re.findall(r"\w+", text)


def _named_by_routes(repository: Repository, unit: Unit) -> Iterator[str]:
    """Yield every name that a route's signature or its decorator holds."""
    for path in unit.sources:
        for function in repository.python(path).functions:
            for one in filter(kinds.is_route, function.decorators):
                for text in (function.returns, *function.takes, *one.keywords.values()):
                    yield from re.findall(r"\w+", text)


def _applications(repository: Repository) -> Iterator[tuple[Unit, str, Call]]:
    """Yield the applications of FastAPI that are made."""
    for service in repository.services:
        for path in service.sources:
            for one in repository.python(path).calls:
                if one.name == "fastapi.FastAPI":
                    yield service, path, one


def _logs(name: str) -> bool:
    """Return whether a dotted name looks like a logger's method."""
    words = name.lower().split(".")
    return any(one.strip("_") in {"log", "logger", "logging"} for one in words[:-1])
