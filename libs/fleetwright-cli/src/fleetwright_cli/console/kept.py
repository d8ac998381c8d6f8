"""What the console has kept, for commands: nothing need run."""

import sqlite3
from pathlib import Path
from typing import Any

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.console import _schema
from fleetwright_cli.local._plan import Places

DATABASE = "console.db"
_KINDS = ("", "internal", "server", "client", "producer", "consumer")


def database(places: Places) -> Path:
    """Return the console's database.

    Args:
        places: Where the fleet keeps its state.

    Raises:
        FleetError: There is none yet.
    """
    file = places.data / DATABASE
    if not file.is_file():
        raise FleetError(
            "nothing is kept here yet",
            where=str(file),
            hint="start the fleet with `fleet up`; its console keeps what it does",
        )
    return file


def reading(file: Path) -> sqlite3.Connection:
    """Return a connection that cannot change anything.

    Args:
        file: The database.
    """
    return _schema.reading(file)


def traces(on: sqlite3.Connection, *, failed: bool, limit: int) -> list[dict[str, Any]]:
    """Return the newest traces.

    Args:
        on: A connection.
        failed: Whether only those with an error are wanted.
        limit: At most so many.
    """
    rows = on.execute(
        "select lower(hex(trace_id)) id, start_ns, end_ns, s.name service, root_name"
        " name, spans, errors from trace t left join service s on s.id = t.root_service"
        " where errors >= ? order by start_ns desc limit ?",
        (1 if failed else 0, limit),
    )
    return [
        {
            "id": row["id"],
            "at": row["start_ns"] / 1e9,
            "service": row["service"],
            "name": row["name"],
            "duration_ms": round((row["end_ns"] - row["start_ns"]) / 1e6, 2),
            "spans": row["spans"],
            "errors": row["errors"],
        }
        for row in rows
    ]


def spans(on: sqlite3.Connection, id: str) -> list[dict[str, Any]]:
    """Return the spans of a trace in the order in which they began.

    Args:
        on: A connection.
        id: The trace, or the beginning of its id.

    Raises:
        FleetError: There is no such trace, or there are several.
    """
    found = on.execute(
        "select trace_id from trace where lower(hex(trace_id)) like ? || '%' limit 2",
        (id.lower().replace("%", ""),),
    ).fetchall()
    if len(found) != 1:
        raise FleetError(
            f"{'no' if not found else 'more than one'} trace begins with {id!r}",
            hint="see them with `fleet traces`",
            exit_code=WRONG_ARGUMENTS,
        )
    rows = on.execute(
        "select lower(hex(span_id)) id, lower(hex(parent_id)) parent, s.name service,"
        " p.name, kind, start_ns, duration_ns, status from span p"
        " join service s on s.id = p.service where trace_id = ?"
        " order by start_ns, p.id",
        (found[0]["trace_id"],),
    ).fetchall()
    first = min((row["start_ns"] for row in rows), default=0)
    return [
        {
            "id": row["id"],
            "parent": row["parent"] or None,
            "service": row["service"],
            "name": row["name"],
            "kind": _KINDS[row["kind"]] if row["kind"] < len(_KINDS) else "",
            "after_ms": round((row["start_ns"] - first) / 1e6, 3),
            "duration_ms": round(row["duration_ns"] / 1e6, 3),
            "failed": row["status"] == 2,
        }
        for row in rows
    ]
