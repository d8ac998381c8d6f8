"""Events, faults and operations: what services say of themselves."""

import json
import secrets
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.console import _rpcs
from fleetwright_cli.console._asked import Asked
from fleetwright_cli.console._asked import asked as asked_for
from fleetwright_cli.console._captured import captured, one
from fleetwright_cli.console._site import Site
from fleetwright_cli.local._bus import Answers, ask_all
from fleetwright_cli.local._bus import Asked as Service
from fleetwright_cli.local._bus import asked as how_to_ask
from fleetwright_cli.local._bus_words import topic_rows
from fleetwright_cli.local._fault_words import does, left

REMEMBERED_SECONDS = 10.0  # each question is a process in each service
ANSWER_SECONDS = 5.0
MOST_BYTES = 4_000_000
MOST_PARKED = 100


class Remembered:
    """An answer that takes a process to find, kept for a moment."""

    def __init__(self, find: Callable[[], Any]) -> None:
        """Keep what finds it.

        Args:
            find: Called when the answer is too old.
        """
        self._find = find
        self._lock = threading.Lock()
        self._found: Any = None
        self._until = 0.0

    def get(self) -> Any:
        """Return the answer; one thread at a time looks for it."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._found = self._find()
                self._until = time.monotonic() + REMEMBERED_SECONDS
            return self._found

    def forget(self) -> None:
        """Look again the next time."""
        self._until = 0.0


def ask_services(site: Site, question: Callable[[Service], Any]) -> Answers:
    """Ask the services of this run that have events, as `fleet events` does.

    One that was left out of the run may have no environment, and has nothing to tell.

    Args:
        site: Whose.
        question: What.

    Returns:
        What each said, and why others could not.

    Raises:
        FleetError: A service cannot be asked.
    """
    taking_part = {status["service"] for status in site.statuses}
    names = [name for name in site.speaking if name in taking_part]
    services = [site.fleet.services[name] for name in names]
    return ask_all(how_to_ask(site.fleet, services), question)


class Views:
    """What takes the services' own answers: each is asked at most every few seconds."""

    def __init__(self, site: Site) -> None:
        """Prepare.

        Args:
            site: Whose.
        """
        self._site = site
        self._topics = Remembered(lambda: self._asked(("topics",)))
        words = ("parked", f"--limit={MOST_PARKED}", "--behind")
        self._parked = Remembered(lambda: self._asked(words))

    def forget(self) -> None:
        """Ask again: something was changed."""
        self._topics.forget()
        self._parked.forget()

    def _asked(self, words: tuple[str, ...]) -> dict[str, Any]:
        try:
            answers = ask_services(self._site, lambda one: one.answer(*words))
        except FleetError as error:
            return {"said": {}, "failed": [str(error)]}
        return {
            "said": dict(answers.said),
            "failed": [str(error) for error in answers.failed.values()],
        }

    def events(self, site: Site, asked: Asked) -> dict[str, Any]:
        """Return every topic: who publishes and hears it, and what waits."""
        found = self._topics.get()
        return {"topics": topic_rows(found["said"]), "failed": found["failed"]}

    def parked(self, site: Site, asked: Asked) -> dict[str, Any]:
        """Return the events that wait for another try, are dead or refused."""
        found = self._parked.get()
        rows = [
            {"service": name, **row}
            for name, those in found["said"].items()
            for row in those
        ]
        return {"parked": rows, "failed": found["failed"]}

    def parked_event(self, site: Site, asked: Asked) -> dict[str, Any]:
        """Return one event with its body, secrets masked by its service."""
        id = asked.text("event")
        answers = ask_services(site, lambda one: one.answer("show", "--", id))
        rows = [
            {"service": name, **row, "text": json.dumps(row, indent=2)}
            for name, those in answers.said.items()
            for row in those
        ]
        return {"events": rows}


def faults(site: Site, asked: Asked) -> dict[str, Any]:
    """Return the faults that are switched on, in words too."""
    rows = [
        fault | {"does": does(fault), "lasts": left(fault)} for fault in site.faults()
    ]
    return {
        "faults": rows,
        "services": sorted(site.fleet.services),
        "edges": [f"{one}->{it}" for one, those in site.needs.items() for it in those],
        "caller": asked.text("caller"),
        "provider": asked.text("provider"),
    }


def explorer(site: Site, asked: Asked) -> dict[str, Any]:
    """Return the operations that a service says it has."""
    names = sorted(site.fleet.services)
    running = [it["service"] for it in site.statuses]
    fallback = running[0] if running else ""
    service = asked.text("service") or fallback
    document = _openapi(site, service) if service in names else {}
    operations = [
        {
            "method": method.upper(),
            "path": path,
            "summary": str(operation.get("summary", "")),
            "body": _example(document, operation),
        }
        for path, item in document.get("paths", {}).items()
        if isinstance(item, dict)
        for method, operation in item.items()
        if method in _METHODS and isinstance(operation, dict)
    ]
    if f"{service}.grpc" in site.urls():
        operations += _rpcs.operations(site, service)
    chosen = asked.text("operation")
    found = next((it for it in operations if _name(it) == chosen), None)
    known = one(site, asked) if asked.text("captured") else None
    blank = found or (operations[0] if operations else _BLANK)
    return {
        "services": names,
        "service": service,
        "operations": [it | {"name": _name(it)} for it in operations],
        "chosen": blank if known is None else _same(operations, known),
        "form": _UNSAID | (known or blank),
        "captured": captured(site, asked_for({"service": service}))["calls"],
        "url": site.urls().get(service, ""),
    }


_BLANK = {"method": "GET", "path": "/", "body": ""}
_UNSAID = {
    **{"id": 0, "subject": "", "scopes": "", "roles": "", "once": False},
    **{"left_out": "", "masked": False},
}
_METHODS = ("get", "post", "put", "patch", "delete")


def _same(operations: list[dict[str, Any]], call: dict[str, Any]) -> dict[str, Any]:
    """Return the operation that a captured call was to; nothing where it is unsaid."""
    return next((it for it in operations if _name(it) == _name(call)), {})


def _name(operation: dict[str, Any]) -> str:
    return f"{operation['method']} {operation['path']}"


def _openapi(site: Site, service: str) -> dict[str, Any]:
    """Return a service's own description; the committed one where it gives none."""
    try:
        request = urllib.request.Request(  # noqa: S310 - a service of our own map
            f"{site.urls()[service]}/openapi.json", headers=_unseen()
        )
        with urllib.request.urlopen(  # noqa: S310 - of that service
            request, None, ANSWER_SECONDS
        ) as answer:
            found = json.loads(answer.read(MOST_BYTES))
    except (OSError, ValueError, KeyError):
        file = site.fleet.services[service].folder / "contracts" / "openapi.json"
        try:
            found = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
    return found if isinstance(found, dict) else {}


def _unseen() -> dict[str, str]:
    """Return headers of a call that is in no trace: what we ask is nobody's traffic."""
    return {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"}


def _example(document: dict[str, Any], operation: dict[str, Any]) -> str:
    """Return a body to begin with, made of the schema's names."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if not isinstance(schema, dict):
        return ""
    return json.dumps(_value(document, schema, 0), indent=2)


def _value(document: dict[str, Any], schema: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > 6:
        return None
    if "$ref" in schema:
        named = str(schema["$ref"]).rpartition("/")[2]
        schemas = document.get("components", {}).get("schemas", {})
        return _value(document, schemas.get(named), depth + 1)
    for key in ("example", "default", "const"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return _value(document, schema[key][0], depth + 1)
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        return {
            name: _value(document, it, depth + 1) for name, it in properties.items()
        }
    if kind == "array":
        return [_value(document, schema.get("items"), depth + 1)]
    return {"string": "", "integer": 0, "number": 0, "boolean": False}.get(str(kind))
