"""SQLite for sync code: it heeds the deadline of the thread it works in."""

import math
import sqlite3
from functools import partial
from typing import Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Connection

from fleetwright._deadline import current_deadline
from fleetwright._sqlite import BUSY_SECONDS, Synchronous, connect, sqlite_module
from fleetwright._sqlite_async import BEGIN

_STEPS: Final = 20_000  # of SQLite's machine between two looks: a few milliseconds


def sqlite_engine(url: URL, *, synchronous: Synchronous = "FULL") -> Engine:
    """Return a sync engine on a safe SQLite file that begins in plain sight.

    A statement is cut, and a wait for another process's write ends, when the deadline
    of the thread is over.

    Args:
        url: `sqlite:///name.db`.
        synchronous: FULL survives a power cut, NORMAL only the death of the process.

    Returns:
        The engine. The execution option `fleetwright_begin` says how a transaction
        begins: DEFERRED (the default) or IMMEDIATE.

    Raises:
        FleetwrightError: This interpreter has no safe SQLite.
    """
    create = partial(_connected, url.database, synchronous)
    engine = create_engine(  # no limit: there are as many as there are threads
        url, module=sqlite_module(), creator=create, pool_size=0, hide_parameters=True
    )

    def begin(connection: Connection) -> None:
        how = connection.get_execution_options().get(BEGIN, "DEFERRED")
        busy_ms = _left_ms(BUSY_SECONDS)
        connection.exec_driver_sql(f"pragma busy_timeout={busy_ms}")
        connection.exec_driver_sql(f"BEGIN {how}")

    event.listen(engine, "begin", begin)
    return engine


def _connected(path: str | None, synchronous: Synchronous) -> sqlite3.Connection:
    connection = connect(path, synchronous=synchronous)
    connection.set_progress_handler(_is_over, _STEPS)
    return connection


def _is_over() -> bool:
    deadline = current_deadline()
    return deadline is not None and deadline.expired


def _left_ms(most_seconds: float) -> int:
    """Return the milliseconds until the deadline, from 1 to `most_seconds`."""
    deadline = current_deadline()
    left = most_seconds if deadline is None else min(most_seconds, deadline.left())
    return max(1, math.ceil(left * 1000))
