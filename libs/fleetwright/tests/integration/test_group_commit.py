"""SQLite: transactions that stand in line are written to the disk together."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from fleetwright._sqlite import connect
from fleetwright._sqlite_together import Together
from fleetwright.database import AsyncDatabase
from fleetwright.errors import Unavailable
from fleetwright.testing import FakeClock

INSERT = text("insert into sale(n) values(:n)")


class Commits:
    """Counts the commits of the file, and the transactions in each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Listen."""
        self.members: list[int] = []
        commit = Together._commit

        async def counted(together: Together, group: object) -> None:
            self.members.append(group.members)  # type: ignore[attr-defined]
            await commit(together, group)  # type: ignore[arg-type]

        monkeypatch.setattr(Together, "_commit", counted)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AsyncDatabase]:
    """Return a database with a table; a buyer must exist when it is committed."""
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}")
    await database.open()
    async with database.transaction() as transaction:
        await transaction.execute(text("create table buyer(id integer primary key)"))
        await transaction.execute(
            text(
                "create table sale(n integer, buyer integer"
                " references buyer(id) deferrable initially deferred)"
            )
        )
    yield database
    await database.close()


@pytest.fixture
def outside(tmp_path: Path) -> sqlite3.Connection:
    """Return another process's view of the file."""
    return connect(str(tmp_path / "shop.db"))


def seen(outside: sqlite3.Connection) -> set[int]:
    """Return what others see."""
    return {n for (n,) in outside.execute("select n from sale").fetchall()}


async def test_who_stands_in_line_shares_a_commit_and_returns_when_it_is_made(
    database: AsyncDatabase,
    outside: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever is told that it is committed, others see it."""
    commits = Commits(monkeypatch)

    async def sell(n: int) -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, {"n": n})
        assert n in seen(outside)

    await asyncio.gather(*(sell(n) for n in range(40)))

    assert seen(outside) == set(range(40))
    assert sum(commits.members) == 40
    assert len(commits.members) < 20


async def test_who_fails_is_undone_alone(
    database: AsyncDatabase, outside: sqlite3.Connection
) -> None:
    """The others of the group are committed, in their order."""

    async def sell(n: int) -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, {"n": n})
            if n % 3 == 0:
                raise ValueError(n)

    results = await asyncio.gather(
        *(sell(n) for n in range(30)), return_exceptions=True
    )

    assert [result is None for result in results] == [n % 3 > 0 for n in range(30)]
    assert seen(outside) == {n for n in range(30) if n % 3}


async def test_a_commit_that_fails_is_told_to_all_and_nothing_is_kept(
    database: AsyncDatabase, outside: sqlite3.Connection
) -> None:
    """It passes by itself: whose fault it was is committed alone the next time."""

    async def sell(n: int) -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, {"n": n})
            if n == 5:
                await transaction.execute(text("update sale set buyer = 7 where n = 5"))

    results = await asyncio.gather(
        *(sell(n) for n in range(10)), return_exceptions=True
    )
    failed = [n for n, result in enumerate(results) if result is not None]
    told = [type(result) for result in results if isinstance(result, Exception)]
    assert 5 in failed
    assert set(told) <= {Unavailable} if len(failed) > 1 else told
    assert seen(outside) == set(range(10)) - set(failed)

    for n in failed:
        if n != 5:
            await sell(n)
    with pytest.raises(Exception, match="FOREIGN KEY"):
        await sell(5)
    assert seen(outside) == set(range(10)) - {5}


async def test_who_leaves_the_line_leaves_nobody_waiting(
    database: AsyncDatabase, outside: sqlite3.Connection
) -> None:
    """What was left open for it is committed when it is gone."""

    async def sell(n: int) -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, {"n": n})

    async with asyncio.timeout(5):
        async with database.transaction() as transaction:
            next_one = asyncio.create_task(sell(1))
            await asyncio.sleep(0)
            await transaction.execute(INSERT, {"n": 0})
            next_one.cancel()

    assert next_one.cancelled() or next_one.done()
    assert seen(outside) == {0}


async def test_after_one_that_took_long_they_are_committed_alone(
    database: AsyncDatabase, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is slow keeps no more of those before it waiting."""
    commits = Commits(monkeypatch)

    async def sell(n: int, seconds: float = 0.0) -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, {"n": n})
            if seconds:
                await clock.sleep(seconds)

    await sell(0, seconds=1.0)
    await asyncio.gather(*(sell(n) for n in range(20)))
    assert commits.members == [1] * 21

    for n in range(64):
        await sell(n)
    commits.members.clear()
    await asyncio.gather(*(sell(n) for n in range(20)))
    assert len(commits.members) < 20
