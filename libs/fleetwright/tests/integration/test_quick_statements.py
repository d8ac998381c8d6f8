"""SQLite on a loop: what is quick is done at once, what is long stops nobody."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from fleetwright.database import AsyncDatabase

LONG = text(
    "select count(*) from number a, number b, number c where a.n + b.n + c.n >= 0"
)
NUMBERS = 120


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AsyncDatabase]:
    """Return a database with a table to look at for long."""
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}")
    await database.open()
    async with database.transaction() as transaction:
        await transaction.execute(text("create table number(n integer)"))
        rows = [{"n": n} for n in range(NUMBERS)]
        await transaction.execute(text("insert into number(n) values(:n)"), rows)
    yield database
    await database.close()


async def turns_during(work: asyncio.Task[object]) -> int:
    """Return how many turns the loop made meanwhile."""
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    await work
    return turns


async def test_a_long_look_leaves_the_loop_alone(database: AsyncDatabase) -> None:
    """It is begun on the loop, given up there, and done by the thread."""

    async def look() -> object:
        async with database.reading() as session:
            return await session.scalar(LONG)

    for _ in range(2):  # the second time it is known to be long
        work = asyncio.create_task(look())
        assert await turns_during(work) > 100
        assert work.result() == NUMBERS**3


async def test_a_look_that_is_given_up_undoes_nothing(database: AsyncDatabase) -> None:
    """The transaction around it goes on, and is committed whole."""
    async with database.transaction() as transaction:
        await transaction.execute(text("insert into number(n) values(1000)"))
        assert await transaction.scalar(LONG) == (NUMBERS + 1) ** 3
        await transaction.execute(text("insert into number(n) values(1001)"))
    async with database.reading() as session:
        found = await session.scalars(text("select n from number where n >= 1000"))
        assert sorted(found) == [1000, 1001]


async def test_what_is_quick_takes_no_turn_of_the_loop(
    database: AsyncDatabase,
) -> None:
    """A short look is answered before anybody else has a turn."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with database.reading() as session:
        await session.scalar(text("select 1"))  # a connection is there
        going = asyncio.create_task(others())
        before = turns
        for n in range(50):
            await session.scalar(text("select n from number where n = :n"), {"n": n})
        assert turns == before
        going.cancel()


async def test_many_rows_are_inserted_by_the_thread(database: AsyncDatabase) -> None:
    """However many there are, the loop goes on, and what was inserted before stays."""
    rows = [{"n": n} for n in range(50_000)]

    async def insert() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(text("insert into number(n) values(-1)"))
            await transaction.execute(text("insert into number(n) values(:n)"), rows)

    work: asyncio.Task[object] = asyncio.create_task(insert())
    assert await turns_during(work) > 10
    async with database.reading() as session:
        count = await session.scalar(text("select count(*) from number"))
        assert count == NUMBERS + 1 + len(rows)


async def test_whoever_is_cut_while_the_thread_works_leaves_a_usable_connection(
    database: AsyncDatabase,
) -> None:
    """What follows waits for the thread, and sees nothing of what was undone."""

    async def change() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(text("insert into number(n) values(1000)"))
            await transaction.execute(text(f"update number set n = ({LONG.text})"))

    work: asyncio.Task[object] = asyncio.create_task(change())
    for _ in range(200):
        await asyncio.sleep(0)
    work.cancel()
    going = asyncio.create_task(asyncio.wait((work,)))
    assert await turns_during(going) > 100  # undoing waits for the thread, not the loop
    assert work.cancelled()
    async with database.transaction() as transaction:
        await transaction.execute(text("insert into number(n) values(2000)"))
    async with database.reading() as session:
        assert await session.scalar(text("select max(n) from number")) == 2000
        assert await session.scalar(text("select count(*) from number")) == NUMBERS + 1


async def test_an_insert_that_breaks_a_rule_is_told_as_it_is(
    database: AsyncDatabase,
) -> None:
    """The error is the database's own, and the transaction can go on."""
    async with database.transaction() as transaction:
        await transaction.execute(text("create table one(id integer primary key)"))
        await transaction.execute(text("insert into one(id) values(1)"))
        with pytest.raises(IntegrityError):
            await transaction.execute(text("insert into one(id) values(1)"))
        await transaction.execute(text("insert into one(id) values(2)"))
    async with database.reading() as session:
        assert await session.scalar(text("select count(*) from one")) == 2
