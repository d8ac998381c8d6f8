"""Everybody ends, or the broker does amid the work: nothing is lost."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from brokers_under_test import Feature
from hearers import World

KEYS = [f"key-{number}" for number in range(12)]
Restart = Callable[[], Awaitable[None]]


@pytest.mark.needs(Feature.DURABLE)
async def test_messages_outlive_everybody(world: World) -> None:
    """A group that was there once is told when it is back, whoever is gone."""
    await world.introduce()
    told = await world.tell_all(KEYS, 5)
    await world.outbox.drain()
    await world.outbox.close()
    await world.broker.close()

    await world.join()

    assert await world.until(60) == told


@pytest.mark.needs(Feature.SERVER)
async def test_a_death_of_the_broker_while_the_shop_tells_loses_nothing(
    fragile_world: World, restart: Restart
) -> None:
    """What had no word from the broker is published again; each has one effect."""
    hearer = await fragile_world.join()
    await hearer.is_in()
    telling = asyncio.create_task(fragile_world.tell_all(KEYS, 100))
    await fragile_world.until(100)

    await restart()

    assert await fragile_world.until(1200, seconds=60) == await telling


@pytest.mark.needs(Feature.SERVER)
async def test_a_death_of_the_broker_while_the_bank_hears_loses_nothing(
    fragile_world: World, restart: Restart
) -> None:
    """What was not acknowledged comes again, in order."""
    hearer = await fragile_world.join(pause=0.005)
    await hearer.is_in()
    told = await fragile_world.tell_all(KEYS, 30)
    await fragile_world.outbox.drain()
    await fragile_world.until(30)

    await restart()

    assert await fragile_world.until(360, seconds=60) == told
