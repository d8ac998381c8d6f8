"""What a service is left with: the rows of its own tables, and what it told."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, DateTime, Integer, MetaData, Table, select

from fleetwright._service import Service
from fleetwright.database import AsyncDatabase, Database
from fleetwright.events._envelope import Message
from fleetwright.events._tables import parked

Row = Mapping[str, str]
State = Mapping[str, Sequence[Row]]
_OURS = "fleet_"
_MOST_SHOWN = 4


async def final_state(service: Service, published: Iterable[Message]) -> State:
    """Return what is in the databases of a service and what it published.

    Args:
        service: The service.
        published: What it published.

    Returns:
        Rows by table, those of the platform left out; `published TOPIC` and `parked`
        are tables too. Numbers the database gave out and points in time are left out.
    """
    state: dict[str, list[Row]] = {}
    for part in service.parts:
        if not isinstance(part, AsyncDatabase | Database):
            continue
        database = part.on_loop if isinstance(part, Database) else part
        async with database.reading() as session:
            connection = await session.connection()
            state |= await connection.run_sync(_rows_by_table)
    for message in published:
        row = {"key": repr(message.key), **_fields(message.body)}
        state.setdefault(f"published {message.topic}", []).append(row)
    return state


def differences(state: State, undisturbed: Sequence[State]) -> list[str]:
    """Return how a state is not what undisturbed runs left, a line each.

    Args:
        state: What is found.
        undisturbed: What two or more undisturbed runs left; in what these differ from
            each other, the state may differ too.
    """
    found = []
    for name in sorted({*state, *undisturbed[0]}):
        runs = [one.get(name, ()) for one in undisturbed]
        columns = _that_stay(runs)
        wanted = _counted(runs[0], columns)
        is_there = _counted(state.get(name, ()), columns)
        found += _lines(name, "is missing", wanted - is_there)
        found += _lines(name, "is one too many", is_there - wanted)
    return found


def _that_stay(runs: Sequence[Sequence[Row]]) -> list[str]:
    """Return the columns that are the same in every undisturbed run."""
    names = sorted({name for rows in runs for row in rows for name in row})
    columns = []
    for name in names:
        first, *others = (Counter(row.get(name) for row in rows) for rows in runs)
        if all(other == first for other in others):
            columns.append(name)
    return columns


def _counted(rows: Sequence[Row], columns: Sequence[str]) -> Counter[str]:
    return Counter(
        ", ".join(f"{name}={row.get(name, '')}" for name in columns) for row in rows
    )


def _lines(name: str, what: str, rows: Counter[str]) -> list[str]:
    lines = [f"{name}: {what}: {row}" for row in rows.elements()]
    more = len(lines) - _MOST_SHOWN
    return [*lines[:_MOST_SHOWN], f"{name}: and {more} more"] if more > 0 else lines


def _rows_by_table(connection: Connection) -> dict[str, list[Row]]:
    found = MetaData()
    found.reflect(connection)
    tables = [it for it in found.sorted_tables if not it.name.startswith(_OURS)]
    state = {table.name: _rows(connection, table) for table in tables}
    if parked.name in found.tables:
        waiting = connection.execute(select(parked.c.topic, parked.c.body)).all()
        state["parked"] = [
            {"topic": topic, **_fields(bytes(body))} for topic, body in waiting
        ]
    return state


def _rows(connection: Connection, table: Table) -> list[Row]:
    columns = [column for column in table.columns if not _by_itself(column)]
    if not columns:
        return [{} for _ in connection.execute(select(table))]
    names = [column.name for column in columns]
    return [
        dict(zip(names, map(repr, row), strict=True))
        for row in connection.execute(select(*columns))
    ]


def _by_itself(column: Column[Any]) -> bool:
    """Tell whether a value is the database's or the clock's: numbers of rows, times."""
    is_number = isinstance(column.type, Integer)
    numbers_rows = column.primary_key and len(column.table.primary_key) == 1
    return isinstance(column.type, DateTime) or (
        is_number and (numbers_rows or bool(column.foreign_keys))
    )


def _fields(body: bytes) -> dict[str, str]:
    try:
        value: Any = json.loads(body)
    except ValueError:
        return {"body": repr(body)}
    fields = value if isinstance(value, dict) else {"body": value}
    return {name: repr(field) for name, field in fields.items()}
