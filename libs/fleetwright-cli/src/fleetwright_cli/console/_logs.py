"""Log lines: of services, from a level up, by words and by time."""

import json
import sqlite3
from typing import Any

from fleetwright_cli.console._asked import LEVELS, Asked
from fleetwright_cli.console._captured import EVENT as CAPTURED
from fleetwright_cli.console._reader import marks, now_seconds, text_query
from fleetwright_cli.console._site import Site

SHOWN = 200
MOST = 2_000
LONGEST_SHOWN = 2_000
_IDS = frozenset({"call_id", "parent_span_id"})  # a line leads to its trace
MOST_FIELDS = 12
_WORDS = {10: "debug", 20: "info", 30: "warn", 40: "error", 50: "fatal"}


def logs(site: Site, asked: Asked) -> dict[str, Any]:
    """Return the newest lines that the address asks for, oldest first."""
    names = site.reader.services()
    numbers = {name: number for number, name in names.items()}
    sql, values = ["1"], list[object]()
    services = asked.many("service")
    if services:
        wanted = [numbers[name] for name in services if name in numbers]
        sql.append(f"service in ({marks(wanted)})")
        values += wanted
    least = LEVELS.get(asked.text("level"), 20 if asked.text("quiet") else 0)
    if least:
        sql.append("level >= ?")
        values.append(least)
    for name, column in (("trace", "trace_id"), ("span", "span_id")):
        if asked.text(name):
            sql.append(f"{column} = ?")
            values.append(asked.text(name))
    if not asked.text("level") and not asked.text("q"):
        sql.append("event <> ?")  # they have a place of their own, and are long
        values.append(CAPTURED)
    if asked.text("q").strip():
        sql.append("id in (select rowid from log_text where log_text match ?)")
        values.append(text_query(asked.text("q")))
    for name, sign in (("after", ">"), ("before", "<")):
        if asked.number(name, 0):
            sql.append(f"id {sign} ?")
            values.append(int(asked.number(name, 0)))
    if asked.number("since", 0):
        sql.append("at_ns >= ?")
        values.append(int((now_seconds() - asked.number("since", 0)) * 1e9))
    return _found(site, " and ".join(sql), values, asked.count("limit", SHOWN, MOST))


def _found(site: Site, where: str, values: list[object], limit: int) -> dict[str, Any]:
    """Return the lines of a question; one that cannot be asked finds nothing."""
    names = site.reader.services()
    try:
        rows = site.reader.rows(
            f"select * from log where {where}"  # noqa: S608 - our own words
            " order by id desc limit ?",
            *values,
            limit or SHOWN,
        )
    except sqlite3.OperationalError:
        rows = []
    lines = [_line(site, row, names) for row in reversed(rows)]
    return {
        "lines": lines,
        "first": lines[0]["id"] if lines else 0,
        "last": lines[-1]["id"] if lines else 0,
        "more": len(lines) == (limit or SHOWN),
    }


def tail(site: Site, asked: Asked) -> dict[str, Any]:
    """Return the newest lines for the overview."""
    return _found(site, "level >= ?", [20], 60)


def _line(site: Site, row: dict[str, Any], names: dict[int, str]) -> dict[str, Any]:
    name = names.get(row["service"], "?")
    event = row["event"]
    return {
        "id": row["id"],
        "at": row["at_ns"] / 1e9,
        "service": name,
        "colour": site.colour(name),
        "level": _WORDS.get(row["level"], "info"),
        "event": event[:LONGEST_SHOWN] + (" ..." if len(event) > LONGEST_SHOWN else ""),
        "fields": fields_of(row["fields"]),
        "trace": row["trace_id"],
    }


def fields_of(text: str) -> list[tuple[str, str]]:
    """Return a line's fields as names and short texts, without the ids of its call.

    Args:
        text: The fields as JSON; empty for none.
    """
    try:
        fields = json.loads(text) if text else {}
    except ValueError:
        return [("fields", text[:LONGEST_SHOWN])]
    if not isinstance(fields, dict):
        return []
    shown = []
    known = [
        (key, round(value, 3) if isinstance(value, float) else value)
        for key, value in fields.items()
        if value is not None and key not in _IDS
    ]
    for key, value in known[:MOST_FIELDS]:
        words = value if isinstance(value, str) else json.dumps(value)
        shown.append((str(key), words[:300]))
    return shown
