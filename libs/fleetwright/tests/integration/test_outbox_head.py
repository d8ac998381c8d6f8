"""A full queue on a real RabbitMQ: what is behind its events in the outbox leaves."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from hearers import World, declared, opened
from rabbit_api import Administrator
from servers import own_database

from fleetwright.events import publish
from fleetwright.events._carrying import BATCH


@pytest.fixture
async def world(rabbit_url: str, postgres_url: str) -> AsyncIterator[World]:
    """Return a shop and a bank on PostgreSQL around RabbitMQ."""
    name = f"t{uuid4().hex[:10]}"
    with own_database(postgres_url) as shop, own_database(postgres_url) as bank:
        async with opened(World(rabbit_url, shop, bank, name)) as world:
            yield world


async def test_a_group_whose_queues_are_full_holds_up_nobody_else(
    world: World, rabbit_url: str
) -> None:
    """Many batches wait for it; another group hears what was told after them."""
    await world.introduce()
    other_kind = declared(f"{world.kind.__topic__}.other")
    other = await world.join("other", kinds=[other_kind])
    await other.is_in()
    administrator = Administrator(rabbit_url)
    administrator.limit(f"^{world.group}", 30)
    keys = [f"key-{number}" for number in range(4 * BATCH)]

    async with world.shop.transaction() as transaction:
        for n in range(2):
            for key in keys:
                publish(transaction, world.kind(key=key, n=n))
    await world.tell("other", range(3), other_kind)
    heard = await world.until(3, "other")
    waiting = (await world.outbox.facts())["pending"]
    await world.join()

    assert heard == {"other": [0, 1, 2]}
    assert int(str(waiting)) > BATCH
    assert await world.until(8 * BATCH, seconds=120) == {key: [0, 1] for key in keys}
    async with asyncio.timeout(60):
        while (await world.outbox.facts())["pending"]:
            await world.outbox.drain()
    await world.outbox.check()
    administrator.unlimit()
