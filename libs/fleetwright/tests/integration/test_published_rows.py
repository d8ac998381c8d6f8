"""The rows of published events are those of what is committed: no more, no fewer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright.database import AsyncDatabase
from fleetwright.events import Event, publish
from fleetwright.events._publish import on_commit
from fleetwright.events._tables import PRODUCER_TABLES, ensure, outbox

Plan = list["int | tuple[bool, Plan]"]


class Placed(Event, topic="orders.placed"):
    """The n-th thing that happened to an order."""

    order_id: str
    n: int


def tell(transaction: AsyncSession, n: int) -> None:
    """Publish the n-th event."""
    publish(transaction, Placed(order_id="a", n=n))


async def written(database: AsyncDatabase) -> list[int]:
    """Return what waits in the outbox, in order."""
    async with database.reading() as session:
        bodies = await session.scalars(select(outbox.c.body).order_by(outbox.c.seq))
        return [Placed.model_validate_json(bytes(body)).n for body in bodies]


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[AsyncDatabase]:
    """Give a database with an outbox."""
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/shop.db")
    await ensure(database, PRODUCER_TABLES)
    yield database
    await database.close()


async def test_savepoint_undone_takes_what_was_released_within_it(
    shop: AsyncDatabase,
) -> None:
    """Also where its rows were written by then; those of the transaction stay."""
    async with shop.transaction() as transaction:
        tell(transaction, 1)
        outer = await transaction.begin_nested()
        tell(transaction, 2)
        inner = await transaction.begin_nested()
        tell(transaction, 3)
        await inner.commit()
        await outer.rollback()
        tell(transaction, 4)

    assert await written(shop) == [1, 4]


async def test_transaction_committed_within_a_savepoint_loses_nothing(
    shop: AsyncDatabase,
) -> None:
    """Who forgets to release a savepoint has published all the same."""
    async with shop.transaction() as transaction:
        tell(transaction, 1)
        await transaction.begin_nested()
        tell(transaction, 2)

    assert await written(shop) == [1, 2]


async def test_session_that_is_used_again_forgets_what_was_not_committed(
    shop: AsyncDatabase,
) -> None:
    """Closed without a commit, its events are gone with its changes."""
    async with AsyncSession(shop.engine) as session:
        await session.begin()
        tell(session, 1)
        await session.close()
        async with session.begin():
            tell(session, 2)

    assert await written(shop) == [2]


plans = st.recursive(
    st.lists(st.integers(0, 99), max_size=3),
    lambda inner: st.lists(
        st.one_of(st.integers(0, 99), st.tuples(st.booleans(), inner)), max_size=4
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(plans)
def test_rows_are_what_was_not_undone_in_order(plan: Plan) -> None:
    """Law: for any nesting of savepoints, and what is told after the commit is that."""

    async def follow(transaction: AsyncSession, steps: Plan) -> None:
        for step in steps:
            if isinstance(step, int):
                tell(transaction, step)
                continue
            keeps, inner = step
            savepoint = await transaction.begin_nested()
            await follow(transaction, inner)
            await (savepoint.commit() if keeps else savepoint.rollback())

    def kept(steps: Plan) -> list[int]:
        found: list[int] = []
        for step in steps:
            if isinstance(step, int):
                found.append(step)
            elif step[0]:
                found += kept(step[1])
        return found

    async def run() -> None:
        database = AsyncDatabase("sqlite+aiosqlite://")
        await ensure(database, PRODUCER_TABLES)
        told: list[int] = []
        forget = on_commit(
            database.engine.pool,
            lambda messages: told.extend(
                Placed.model_validate_json(one.body).n for one in messages
            ),
        )
        async with database.transaction() as transaction:
            await follow(transaction, plan)
        found = await written(database)
        forget()
        await database.close()
        assert found == told == kept(plan)

    asyncio.run(run())
