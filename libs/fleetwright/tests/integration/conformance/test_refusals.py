"""What no broker swallows: too large, unheard, unreadable, or after the end."""

import asyncio
from dataclasses import replace

import pytest
from brokers_under_test import Feature
from hearers import World

from fleetwright.errors import FleetwrightError
from fleetwright.events._envelope import MOST_BODY_BYTES
from fleetwright.events._parking import State


@pytest.mark.needs(Feature.LIMITS)
async def test_a_message_that_is_too_large_is_refused_with_its_key(
    world: World,
) -> None:
    """Later ones of the key with it, for their order; others are not held up."""
    hearer = await world.join()
    await hearer.is_in()
    before, after = world.message("a", 0), world.message("a", 2)
    large = replace(world.message("a", 1), body=b" " * (MOST_BODY_BYTES + 1))

    refused = await world.put(before, large, after, world.message("b", 0))

    assert set(refused) == {large.id, after.id}
    assert await world.until(2) == {"a": [0], "b": [0]}


async def test_the_largest_message_passes(world: World) -> None:
    """256 KiB of body are 256 KiB of body, whatever goes with it."""
    hearer = await world.join()
    await hearer.is_in()
    rest = len(world.message("a", 1).body)
    largest = world.message("a", 1, "x" * (MOST_BODY_BYTES - rest))
    assert len(largest.body) == MOST_BODY_BYTES

    assert await world.put(largest) == {}

    assert await world.until(1) == {"a": [1]}


async def test_what_nobody_hears_holds_nobody_up(world: World) -> None:
    """It is published like everything else, and fast."""
    hearer = await world.join()
    await hearer.is_in()
    nobody = replace(world.message("a", 0), topic=f"{world.kind.__topic__}-nobody")

    async with asyncio.timeout(60):
        assert await world.put(nobody, world.message("a", 1)) == {}

    assert await world.until(1) == {"a": [1]}


@pytest.mark.needs(Feature.UNHEARD)
async def test_what_nobody_heard_waits_for_the_first_who_will(world: World) -> None:
    """A service that is started after its publishers has missed nothing."""
    told = await world.tell_all(["a", "b"], 5)
    await world.outbox.drain()

    await world.join()

    assert await world.until(10) == told


@pytest.mark.needs(Feature.LATE_GROUPS)
async def test_a_new_group_hears_what_was_told_before(world: World) -> None:
    """Also what another group has heard and acknowledged."""
    hearer = await world.join()
    await hearer.is_in()
    told = await world.tell_all(["a", "b"], 5)
    await world.until(10)
    late = f"late-{world.group}"

    await world.join(late)

    assert await world.until(10, late) == told


async def test_what_cannot_be_read_is_dead_and_holds_up_its_key_only(
    world: World,
) -> None:
    """Poison is kept, byte for byte, for a person to look at."""
    hearer = await world.join()
    await hearer.is_in()
    poison = replace(world.message("a", 0), body=b"\x00poison \xff")

    await world.put(poison, world.message("a", 1), world.message("b", 0))

    assert await world.until(1) == {"b": [0]}
    async with asyncio.timeout(60):
        while len(parked := await hearer.consumer.parked()) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    dead = [one for one in parked if one.state is State.DEAD]
    assert [one.message for one in dead] == [poison]


@pytest.mark.needs(Feature.CLOSES)
async def test_a_broker_that_is_closed_publishes_nothing(world: World) -> None:
    """It says so at once; opened again it goes on."""
    hearer = await world.join()
    await hearer.is_in()
    await world.outbox.close()
    await world.broker.close()

    async with asyncio.timeout(60):
        with pytest.raises(FleetwrightError):
            await world.broker.publish([world.message("a", 0)])

    await world.broker.open()
    await world.outbox.open()
    await world.tell("a", [1])
    assert await world.until(1) == {"a": [1]}
