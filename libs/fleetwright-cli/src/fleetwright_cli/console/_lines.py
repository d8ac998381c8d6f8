"""Lines that services write on stdout, as rows."""

import json
import logging
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fleetwright_cli.console._masks import masked, masked_text
from fleetwright_cli.console._rows import EventRow, LogRow

LONGEST_LINE = 16_384
_KNOWN = frozenset(
    {"time", "timestamp", "level", "event", "message", "trace_id", "span_id", "service"}
)
_CONTROL = {number: f"\\x{number:02x}" for number in (*range(32), 127)} | {
    ord("\n"): "\n",
    ord("\t"): "\t",
}


def log_row(service: str, text: str, time_text: str) -> LogRow:
    """Return one line as a row; whatever it holds, it is text from here on.

    Args:
        service: Whose line it is.
        text: The line as it was written: JSON, or anything.
        time_text: When, where the line does not say it.
    """
    whole = text[:LONGEST_LINE].encode("utf-8", "replace").decode()
    fields = _parsed(whole)
    if fields is None:
        cut = whole + (" ..." if len(text) > LONGEST_LINE else "")
        event = masked_text(cut.translate(_CONTROL))
        return LogRow(at_ns(time_text), service, _guess(event), event, "", "", "")
    event = str(fields.get("event") or fields.get("message") or "")
    more = {key: masked(key, it) for key, it in fields.items() if key not in _KNOWN}
    return LogRow(
        at_ns(str(fields.get("time") or fields.get("timestamp") or time_text)),
        service,
        _level(fields.get("level")),
        masked_text(event.translate(_CONTROL).encode("utf-8", "replace").decode()),
        json.dumps(more) if more else "",
        _id(fields.get("trace_id"), 32),
        _id(fields.get("span_id"), 16),
    )


def _parsed(text: str) -> Mapping[str, Any] | None:
    """Return a line's JSON object; None when it is none."""
    if not text.startswith("{"):
        return None
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _guess(event: str) -> int:
    """Return the level of a line that says none: a traceback is an error."""
    return logging.ERROR if event.startswith("Traceback") else logging.INFO


def _level(name: object) -> int:
    number = logging.getLevelNamesMapping().get(str(name).upper())
    return number or logging.INFO


def _id(value: object, digits: int) -> str:
    """Return an id of a trace or span in lower case; empty when it is none."""
    text = str(value or "").lower()
    good = len(text) == digits and not set(text) - set("0123456789abcdef")
    return text if good and text.strip("0") else ""


def at_ns(text: str) -> int:
    """Return a time as services write it in nanoseconds since 1970; now for none.

    Args:
        text: ISO 8601.
    """
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1e9)
    except (ValueError, OverflowError):
        return time.time_ns()


def event_row(text: str) -> EventRow | None:
    """Return a change of a process that the supervisor wrote down.

    Args:
        text: `Status.facts()` as JSON.
    """
    facts = _parsed(text)
    if facts is None or "name" not in facts or "state" not in facts:
        return None
    return EventRow(
        at_ns(str(facts.get("time") or facts.get("since") or "")),
        str(facts["name"]),
        str(facts["state"]),
        masked_text(str(facts.get("reason") or "")),
        text,
    )
