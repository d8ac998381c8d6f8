"""Order per key, whoever fails, joins, leaves or dies."""

import asyncio
import os
import signal

import pytest
from brokers_under_test import Feature
from hearers import World

from fleetwright.errors import Unavailable

KEYS = [f"key-{number}" for number in range(12)]


async def test_events_of_a_key_are_heard_in_order(world: World) -> None:
    """Each has one effect, in the order in which they were committed."""
    hearer = await world.join()
    await hearer.is_in()

    told = await world.tell_all(KEYS, 20)

    assert await world.until(240) == told


async def test_a_reaction_that_fails_is_tried_again_in_its_place(world: World) -> None:
    """Later events of its key wait behind it; the others of its lane do not."""
    hearer = await world.join()
    await hearer.is_in()
    for key in KEYS:
        for n in (0, 3, 4, 11):
            hearer.failing[key, n] = RuntimeError("not yet")

    told = await world.tell_all(KEYS, 15)

    assert await world.until(180) == told
    assert len(hearer.tried) == 180 + 4 * len(KEYS)


async def test_a_failure_that_is_over_in_a_moment_parks_nothing(world: World) -> None:
    """It is tried again at once, before anybody else is heard."""
    hearer = await world.join()
    await hearer.is_in()
    hearer.failing["a", 1] = Unavailable("busy", reason="connect")

    await world.tell("a", [0, 1, 2])

    assert await world.until(3) == {"a": [0, 1, 2]}
    assert hearer.tried == [("a", 0), ("a", 1), ("a", 1), ("a", 2)]
    assert (await hearer.outcomes())["parked"] == 0


async def test_members_that_come_and_go_cost_duplicates_at_most(world: World) -> None:
    """While the shop tells, members join and leave: one effect each, in order."""
    one = await world.join()
    await one.is_in()
    telling = asyncio.create_task(world.tell_all(KEYS, 60))

    await world.until(100)
    two = await world.join()
    await world.until(300)
    await one.leave()
    await world.until(500)
    three = await world.join()

    assert await world.until(720) == await telling
    await two.leave()
    await three.leave()


@pytest.mark.needs(Feature.SHARES)
async def test_members_share_the_work(world: World) -> None:
    """Both hear, each some of the keys."""
    one, two = await world.join(), await world.join()
    await one.is_in()
    await two.is_in()

    told = await world.tell_all(KEYS, 20)

    assert await world.until(240) == told
    assert one.tried
    assert two.tried
    assert sorted(one.tried + two.tried) == sorted(set(one.tried + two.tried))


@pytest.mark.needs(Feature.PROCESSES)
async def test_a_member_that_is_killed_leaves_no_gap(world: World) -> None:
    """SIGKILL amid its work: another goes on where it was, in order."""
    await world.introduce()
    heir = world.hearer()
    async with world.process(pause_seconds=0.01) as dying:
        await world.tell_all(["the first"], 1)
        await world.until(1)
        told = await world.tell_all(KEYS, 20)
        await world.until(50)
        await heir.open()
        await world.until(80)
        dying.kill()
        await dying.wait()

    found = await world.until(241)
    assert found == told | {"the first": [0]}


@pytest.mark.needs(Feature.PROCESSES)
async def test_a_member_that_was_frozen_does_no_harm_when_it_wakes(
    world: World,
) -> None:
    """Paused past its leases it finds its lanes gone; nothing happens twice."""
    await world.introduce()
    async with world.process(pause_seconds=0.01) as frozen:
        await world.tell_all(["the first"], 1)
        await world.until(1)
        await world.join(pause=0.01)
        told = await world.tell_all(KEYS, 20)
        await world.until(30)
        os.kill(frozen.pid, signal.SIGSTOP)
        await asyncio.sleep(3)  # longer than a lease: this is what is tested

        os.kill(frozen.pid, signal.SIGCONT)

        assert await world.until(241) == told | {"the first": [0]}
