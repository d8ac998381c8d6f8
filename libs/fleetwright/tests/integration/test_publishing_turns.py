"""On PostgreSQL producers of a key take turns: numbers are in the order of commits."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from fleetwright.database import AsyncDatabase, Pool
from fleetwright.events import Event, publish
from fleetwright.events._tables import PRODUCER_TABLES, ensure, outbox

WAITING = text(
    "select count(*) from pg_stat_activity where wait_event = 'advisory'"
    " and query like '%fleet_outbox%' and application_name = :name"
)
TURN = text("select pg_advisory_xact_lock(hashtextextended(:turn, 0))")


class Placed(Event, topic="orders.placed"):
    """The n-th thing that happened to an order."""

    order_id: str
    n: int


@pytest.fixture
async def shop(postgres_url: str) -> AsyncIterator[AsyncDatabase]:
    """Give a database with an outbox."""
    database = AsyncDatabase(postgres_url, pool=Pool(size=8))
    database.service = f"shop-{uuid4().hex[:8]}"
    await ensure(database, PRODUCER_TABLES)
    yield database
    await database.close()


async def tell(shop: AsyncDatabase, *events: Placed) -> None:
    """Publish in one transaction."""
    async with shop.transaction() as transaction:
        for event in events:
            publish(transaction, event)


async def are_waiting(shop: AsyncDatabase, count: int) -> None:
    """Wait until so many producers wait for their turn."""
    async with asyncio.timeout(60):
        while True:
            async with shop.reading() as session:
                if await session.scalar(WAITING, {"name": shop.service}) == count:
                    return


async def numbers(shop: AsyncDatabase, keys: set[str]) -> list[int]:
    """Return what was told of these keys, in the order of the outbox."""
    async with shop.reading() as session:
        mine = outbox.c.key.in_(keys)
        bodies = await session.scalars(
            select(outbox.c.body).where(mine).order_by(outbox.c.seq)
        )
        return [Placed.model_validate_json(bytes(body)).n for body in bodies]


async def test_a_number_is_drawn_when_the_turn_has_come(shop: AsyncDatabase) -> None:
    """Who waits for the turn comes after those who did not have to."""
    mine, other = uuid4().hex, uuid4().hex
    async with shop.transaction() as transaction:
        await transaction.execute(TURN, {"turn": f"orders.placed/{mine}"})
        waits = asyncio.create_task(tell(shop, Placed(order_id=mine, n=2)))
        await are_waiting(shop, 1)
        await tell(shop, Placed(order_id=other, n=1))
        assert not waits.done()
    await waits

    assert await numbers(shop, {mine, other}) == [1, 2]


async def test_whoever_publishes_for_two_keys_waits_for_both(
    shop: AsyncDatabase,
) -> None:
    """In one order, whichever was published first: nobody waits in a circle."""
    first, second = sorted((uuid4().hex, uuid4().hex))
    async with shop.transaction() as transaction:
        await transaction.execute(TURN, {"turn": f"orders.placed/{second}"})
        backwards = asyncio.create_task(
            tell(shop, Placed(order_id=second, n=2), Placed(order_id=first, n=3))
        )
        async with asyncio.timeout(60):
            while not await _holds(shop, f"orders.placed/{first}"):
                pass
        forwards = asyncio.create_task(tell(shop, Placed(order_id=first, n=4)))
        await are_waiting(shop, 1)
        assert not backwards.done()
    await asyncio.gather(backwards, forwards)

    assert await numbers(shop, {first, second}) == [2, 3, 4]


async def _holds(shop: AsyncDatabase, turn: str) -> bool:
    """Return whether somebody has that turn."""
    async with shop.transaction() as transaction:
        free = await transaction.scalar(
            text("select pg_try_advisory_xact_lock(hashtextextended(:turn, 0))"),
            {"turn": turn},
        )
        return not free


async def test_events_without_a_key_wait_for_nobody(shop: AsyncDatabase) -> None:
    """They have no order, so they take no turn."""

    class Noticed(Event, topic="things.noticed", key=None):
        n: int

    async with shop.transaction() as one:
        publish(one, Noticed(n=1))
        async with shop.transaction() as another:
            publish(another, Noticed(n=2))
