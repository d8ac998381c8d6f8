"""What deploy files set against what the code reads."""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fleetwright_cli.standard._deployed import Deployed, deployed
from fleetwright_cli.standard._repository import Repository
from fleetwright_cli.standard._variables import (
    Variable,
    known_names,
    variables_of,
)

# Read by Python, the system and OpenTelemetry themselves.
_OF_OTHERS = re.compile(
    r"^(OTEL_|PYTHON|LC_|MALLOC_|SSL_|REQUESTS_|UVICORN_|GUNICORN_|WEB_CONCURRENCY$"
    r"|(PATH|HOME|TZ|LANG|TMPDIR|HOSTNAME|USER|NO_COLOR|HTTPS?_PROXY|NO_PROXY)$)"
)
_PASSWORD = re.compile(r"://[^:@/\s]+:([^@/\s]+)@")
_REFERENCE = re.compile(r"^\$\{?\w|^\$\(")
_FILE = "_FILE"


@dataclass(frozen=True, slots=True)
class Finding:
    """What does not fit.

    Attributes:
        service: Whose environment it is.
        kind: What is wrong: `unknown`, `missing` or `secret`.
        path: The file.
        line: Where.
        what: What is wrong, in words.
        hint: What to do.
    """

    service: str
    kind: str
    path: str
    line: int
    what: str
    hint: str

    def facts(self) -> dict[str, object]:
        """Return the same as JSON-ready values."""
        return {
            "service": self.service,
            "kind": self.kind,
            "path": self.path,
            "line": self.line,
            "what": self.what,
            "hint": self.hint,
        }


def compare(repository: Repository, names: Iterable[str] = ()) -> list[Finding]:
    """Return where deploy files and settings do not fit.

    Args:
        repository: The fleet's files.
        names: The services; none for all.
    """
    wanted = set(names)
    services = {one.name: one for one in repository.services}
    # One environment for all may hold the addresses of all.
    addresses = {
        re.sub(r"[-.]", "_", name).upper() + end
        for name in services
        for end in ("_URL", "_GRPC_URL")
    }
    outside = _outside(repository)
    found: list[Finding] = []
    for one in deployed(repository):
        if wanted and one.service not in wanted:
            continue
        service = services[one.service]
        variables = variables_of(repository, service)
        if not variables:
            continue
        known = known_names(repository, service) | addresses | outside
        known |= {variable.name for variable in variables}
        found += [
            *_unknown(one, known),
            *_missing(one, variables),
            *_open_secrets(one, variables),
        ]
    return found


def _outside(repository: Repository) -> set[str]:
    """Return the variables with the addresses of what is called outside the fleet."""
    return {
        re.sub(r"[-.]", "_", call.keywords["provider"]).upper() + "_URL"
        for service in repository.services
        for path in service.sources
        for call in repository.python(path).calls
        if "provider" in call.keywords
    }


def _unknown(one: Deployed, known: set[str]) -> Iterator[Finding]:
    """Yield names that are set and that nothing reads."""
    for name, given in one.given.items():
        bare = name.upper().removesuffix(_FILE)
        nested = bare.partition("__")[0]
        if {name.upper(), bare, nested} & known or _OF_OTHERS.match(name):
            continue
        close = difflib.get_close_matches(bare, sorted(known), n=1)
        hint = (
            f"did you mean {close[0]}?" if close else "remove it, or declare a setting"
        )
        what = f"{one.by} sets {name} for {one.service}, which reads no such variable"
        yield Finding(one.service, "unknown", given.path, given.line, what, hint)


def _missing(one: Deployed, variables: Iterable[Variable]) -> Iterator[Finding]:
    """Yield variables that must be set and are not."""
    given = {name.upper() for name in one.given}
    for variable in variables:
        both = {variable.name, variable.name + _FILE}
        if variable.is_required and not one.is_open and not both & given:
            what = f"{one.by} does not set {variable.name} for {one.service}"
            hint = f"{variable.where} has no default for it"
            yield Finding(one.service, "missing", one.path, 1, what, hint)


def _open_secrets(one: Deployed, variables: Iterable[Variable]) -> Iterator[Finding]:
    """Yield secrets whose value stands in a file of the repository."""
    secrets = {variable.name for variable in variables if variable.is_secret}
    for name, given in one.given.items():
        value = given.value or ""
        is_open = name.upper() in secrets and value and not _REFERENCE.match(value)
        password = _PASSWORD.search(value)
        if is_open or (password and not _REFERENCE.match(password[1])):
            what = f"{one.by} shows the secret {name} of {one.service}"
            hint = f"refer to it: ${{{name}}}, a Secret, or {name}{_FILE}"
            yield Finding(one.service, "secret", given.path, given.line, what, hint)
