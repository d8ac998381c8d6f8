"""Another process keeps the file of SQLite locked: who waits, how long, who tells."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import text
from stolen import stolen_time

from fleetwright import Deadline
from fleetwright._sqlite import connect
from fleetwright.database import AsyncDatabase
from fleetwright.errors import DeadlineExceeded, Unavailable

SLACK_SECONDS = 0.5


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AsyncDatabase]:
    """Return an open database in a file."""
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}")
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def other(database: AsyncDatabase, tmp_path: Path) -> sqlite3.Connection:
    """Return another process's connection to the file; the file is locked by it."""
    other = connect(str(tmp_path / "shop.db"))
    other.execute("begin immediate")
    return other


async def write(database: AsyncDatabase, seconds: float | None = None) -> int:
    """Begin to write, within the time if there is one; return the wait in force."""
    async with AsyncExitStack() as stack:
        if seconds is not None:
            stack.enter_context(Deadline.after(seconds))
        transaction = await stack.enter_async_context(database.transaction())
        return int(await transaction.scalar(text("pragma busy_timeout")) or 0)


async def test_a_writer_waits_no_longer_than_its_deadline(
    database: AsyncDatabase, other: sqlite3.Connection
) -> None:
    """The deadline takes the turn from it, and from the thread that waits for it."""
    began = time.monotonic()
    async with stolen_time() as stolen:
        with pytest.raises(DeadlineExceeded):
            await write(database, 0.3)
        other.execute("rollback")
        await write(database)
    assert time.monotonic() - began < 0.3 + SLACK_SECONDS + stolen.seconds


async def test_the_wait_grows_back_for_who_has_more_time(
    database: AsyncDatabase,
) -> None:
    """A connection is used again: what one waited is not what the next one waits."""
    assert 100 <= await write(database, 10.0) <= 10_000
    assert await write(database) == 15_000
    assert await write(database, 60.0) == 15_000


async def test_a_check_tells_of_writers_that_gave_up_before(
    database: AsyncDatabase, other: sqlite3.Connection
) -> None:
    """None of them waits as long as a check needs to be sure; together they do."""
    for _ in range(2):
        with pytest.raises(DeadlineExceeded):
            await write(database, 0.8)
    async with asyncio.TaskGroup() as tasks:
        third = tasks.create_task(write(database))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="keeps the database locked"):
            await database.check()
        other.execute("rollback")
        await third
    await database.check()


async def test_a_check_that_can_write_forgets_who_gave_up(
    database: AsyncDatabase, other: sqlite3.Connection
) -> None:
    """The file was let go when nobody asked: what begins now begins anew."""
    for _ in range(2):
        with pytest.raises(DeadlineExceeded):
            await write(database, 0.8)
    other.execute("rollback")
    await database.check()
    other.execute("begin immediate")
    async with asyncio.TaskGroup() as tasks:
        third = tasks.create_task(write(database))
        await asyncio.sleep(0)
        await database.check()
        other.execute("rollback")
        await third
