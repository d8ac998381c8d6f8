"""Calls that services have captured: listed, filled in to send again, made a test."""

import json
import time
from pathlib import Path
from string import Template
from typing import Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.console._asked import Asked
from fleetwright_cli.console._masks import MASK
from fleetwright_cli.console._rpcs import METHOD
from fleetwright_cli.console._site import Site

EVENT = "call.captured"
SHOWN = 50
_TEMPLATES = Path(__file__).parent / "templates"
# How a saved test calls, and what it imports for that.
_HTTP = ("captured_http.txt", "import urllib.error\nimport urllib.request\nimport uuid")
_RPC = ("captured_rpc.txt", "import urllib.request")
Facts = dict[str, Any]


def captured(site: Site, asked: Asked) -> Facts:
    """Return the newest captured calls of a service, or of all; one in full."""
    names = site.reader.services()
    numbers = {name: number for number, name in names.items()}
    service = asked.text("service")
    rows = site.reader.rows(
        "select id, at_ns, service, fields from log where id in (select rowid from"
        " log_text where log_text match ?) and event = ? and (? = '' or service = ?)"
        " order by id desc limit ?",
        '"call.captured"',
        EVENT,
        service,
        numbers.get(service, 0),
        SHOWN,
    )
    calls = [_call(row, names) for row in rows]
    # The console itself asks for the descriptions of services.
    return {"calls": [it for it in calls if it["path"] != "/openapi.json"]}


def one(site: Site, asked: Asked) -> Facts | None:
    """Return the captured call that the address names, or the one of a span."""
    sql, value = "id = ?", str(asked.count("captured", 0, most=1 << 62))
    if asked.text("span"):
        sql, value = "span_id = ?", asked.text("span")
    row = site.reader.one(
        f"select id, at_ns, service, fields from log where {sql}"  # noqa: S608 - ours
        " and event = ?",
        value,
        EVENT,
    )
    return _call(row, site.reader.services()) if row else None


def _call(row: Facts, names: dict[int, str]) -> Facts:
    """Return a captured call as it is filled in to be sent again.

    Any service may write any line: what is of another shape counts as not there.
    """
    said = json.loads(row["fields"] or "{}")
    path = str(said.get("path", "/"))
    query = str(said.get("query", ""))
    taken, by = _mapping(said, "request"), _mapping(said, "by")
    status = said.get("status")
    return {
        "id": row["id"],
        "at": row["at_ns"] / 1e9,
        "service": names.get(row["service"], "?"),
        "method": str(said.get("method", "GET")),
        "path": f"{path}?{query}" if query else path,
        "body": json.dumps(taken["json"], indent=2) if "json" in taken else "",
        "left_out": str(taken.get("left_out", "")),
        "once": bool(said.get("once")),
        "status": status if isinstance(status, int) else 0,
        "answer": _mapping(said, "answer").get("json"),
        "subject": str(by.get("subject", "")),
        "scopes": _words(by.get("scopes")),
        "roles": _words(by.get("roles")),
        "masked": MASK in json.dumps([path, query, taken]),
    }


def _mapping(said: Facts, name: str) -> Facts:
    found = said.get(name)
    return found if isinstance(found, dict) else {}


def _words(found: object) -> str:
    return " ".join(map(str, found)) if isinstance(found, list) else ""


def as_test(call: Facts) -> str:
    """Return a test that sends a captured call to the running fleet.

    Args:
        call: As `one` returns it.

    Raises:
        FleetError: Not all of it was captured.
    """
    if call["left_out"] or call["masked"]:
        raise FleetError(
            "not all of this call was captured: it cannot be a test",
            hint="its body was too long or no JSON, or a value in it was masked",
        )
    body = json.loads(call["body"]) if call["body"] else None
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(call["at"]))
    how, imports = _RPC if call["method"] == METHOD else _HTTP
    values = {name: repr(call[name]) for name in _NAMES} | {
        "imports": imports,
        "calling": _template(how).rstrip(),
        "title": _line(f"{call['method']} {call['path']} of {call['service']}"),
        "when": when,
        "body": repr(body),
        "answer": repr(call["answer"]),
    }
    return Template(_template("captured_test.txt")).substitute(values)


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text("utf-8")


_NAMES = ("service", "method", "path", "once", "status", "subject", "scopes", "roles")


def _line(text: str) -> str:
    """Return a text that may stand in a docstring."""
    plain = "".join(it for it in text if it.isprintable() and it not in '"\\')
    return plain[:70]
