"""Savepoints that cost little: their statements travel with others.

A released savepoint that is still on the server's stack changes nothing for the
statements after it, so its release may wait for the next savepoint or the commit.
"""

from typing import Any, cast

from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.util import await_only

_WAITING = "fleetwright_release"


def make_cheap(dialect: Dialect) -> None:
    """Have an engine's savepoints cost one round trip, or none on SQLite.

    Args:
        dialect: Of an async engine on SQLite (as `_sqlite_async` makes it) or on
            PostgreSQL by asyncpg; no other's.
    """
    ways: type[_OnSqlite | _OnServer] = (
        _OnSqlite if dialect.name == "sqlite" else _OnServer
    )
    made = ways(dialect)
    for name in ("do_savepoint", "do_release_savepoint", "do_rollback_to_savepoint"):
        setattr(dialect, name, getattr(made, name))


async def set_savepoint(connection: AsyncConnection, name: str) -> None:
    """Begin a part of a transaction that can be undone, without a nested transaction.

    The object SQLAlchemy makes of a nested transaction costs more than a short part.
    Whoever uses this keeps the parts in order by himself; a name may be used again.

    Args:
        connection: In a transaction, of an engine that was made cheap.
        name: Of the savepoint, a plain word.
    """
    sync = _sync(connection)
    if sync.dialect.name == "sqlite":  # it waits for the next statement
        sync.dialect.do_savepoint(sync, name)
    else:
        await connection.run_sync(sync.dialect.do_savepoint, name)


def release_savepoint(connection: AsyncConnection, name: str) -> None:
    """End a part of a transaction: what was done in it stays.

    Args:
        connection: As it was begun with.
        name: As it was begun with.
    """
    sync = _sync(connection)
    sync.dialect.do_release_savepoint(sync, name)


async def undo_to_savepoint(connection: AsyncConnection, name: str) -> None:
    """Undo a part of a transaction and end it.

    Args:
        connection: As it was begun with.
        name: As it was begun with.

    Raises:
        SQLAlchemyError: The whole transaction is gone.
    """
    sync = _sync(connection)
    await connection.run_sync(sync.dialect.do_rollback_to_savepoint, name)
    sync.dialect.do_release_savepoint(sync, name)


def _sync(connection: AsyncConnection) -> Connection:
    return cast(Connection, connection.sync_connection)


class _OnSqlite:
    """What begins and ends a savepoint goes to the thread with the next statement."""

    def __init__(self, dialect: Dialect) -> None:
        self._roll_back_to = dialect.do_rollback_to_savepoint

    def do_savepoint(self, connection: Connection, name: str) -> None:
        _driver(connection).later(f"SAVEPOINT {name}")

    def do_release_savepoint(self, connection: Connection, name: str) -> None:
        _driver(connection).later(f"RELEASE SAVEPOINT {name}")

    def do_rollback_to_savepoint(self, connection: Connection, name: str) -> None:
        self._roll_back_to(connection, name)


class _OnServer:
    """One released savepoint waits; it goes with the beginning of the next one."""

    def __init__(self, dialect: Dialect) -> None:
        self._begin = dialect.do_savepoint
        self._roll_back_to = dialect.do_rollback_to_savepoint

    def do_savepoint(self, connection: Connection, name: str) -> None:
        driver = _driver(connection)
        if not driver.is_in_transaction():
            self._begin(connection, name)
            return
        begins = f"SAVEPOINT {name}"
        root, released = connection.info.pop(_WAITING, (None, None))
        if released is not None and root is connection.get_transaction():
            begins = f"RELEASE SAVEPOINT {released}; {begins}"
        try:
            await_only(driver.execute(begins))
        except Exception:
            # The usual way meets the same failure, and tells it as SQLAlchemy does.
            self._begin(connection, name)

    def do_release_savepoint(self, connection: Connection, name: str) -> None:
        # Releases what waits as well: that is one within this one, if any.
        connection.info[_WAITING] = connection.get_transaction(), name

    def do_rollback_to_savepoint(self, connection: Connection, name: str) -> None:
        connection.info.pop(_WAITING, None)  # one within this one: gone with it
        self._roll_back_to(connection, name)


def _driver(connection: Connection) -> Any:
    return cast(Any, connection.connection.driver_connection)
