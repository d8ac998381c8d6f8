"""The engines of sync databases: each heeds the deadline of the thread it works in."""

import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from fleetwright._deadline import current_deadline
from fleetwright._sqlite import BUSY_SECONDS, Synchronous, connect, sqlite_module
from fleetwright._sqlite_async import BEGIN
from fleetwright.errors import DeadlineExceeded, FleetwrightError

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
        url, module=sqlite_module(), creator=create, pool_size=0
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


def server_engine(url: URL) -> Engine:
    """Return a sync engine on PostgreSQL whose statements heed the deadline.

    Args:
        url: `postgresql+psycopg://...`.

    Returns:
        The engine.

    Raises:
        FleetwrightError: psycopg is not installed.
    """
    try:
        engine = create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=30)
    except ModuleNotFoundError as error:
        raise FleetwrightError(
            f"a sync Database on PostgreSQL needs {error.name}",
            where=url.render_as_string(hide_password=True),
            hint="add `fleetwright[postgres]` to requirements.in and run `fleet lock`",
        ) from None

    def begin(connection: Connection) -> None:
        deadline = current_deadline()
        if deadline is not None:
            left_ms = _left_ms(deadline.left())
            connection.exec_driver_sql(f"set local statement_timeout = {left_ms}")

    event.listen(engine, "begin", begin)
    return engine


def _is_over() -> bool:
    deadline = current_deadline()
    return deadline is not None and deadline.expired


def _left_ms(most_seconds: float) -> int:
    """Return the milliseconds until the deadline, from 1 to `most_seconds`."""
    deadline = current_deadline()
    left = most_seconds if deadline is None else min(most_seconds, deadline.left())
    return max(1, math.ceil(left * 1000))


@contextmanager
def in_time() -> Iterator[None]:
    """Say of a statement that was cut by the deadline that it was.

    Yields:
        Nothing.

    Raises:
        DeadlineExceeded: The database gave up, and the time is over.
    """
    try:
        yield
    except (DBAPIError, PoolTimeoutError) as error:
        if not _is_over():
            raise
        raise DeadlineExceeded("the database was not done in time") from error
