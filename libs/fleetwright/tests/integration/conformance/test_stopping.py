"""Slow reactions and orderly ends: nothing is half done."""

from hearers import World

KEYS = [f"key-{number}" for number in range(12)]
LONGER_THAN_A_LEASE_SECONDS = 3.0


async def test_a_reaction_longer_than_a_lease_has_one_effect(world: World) -> None:
    """Who is alive keeps its lanes, with another member ready to take them."""
    one, two = await world.join(), await world.join()
    one.slow["a", 0] = two.slow["a", 0] = LONGER_THAN_A_LEASE_SECONDS
    await one.is_in()

    await world.tell("a", [0, 1, 2])

    assert await world.until(3) == {"a": [0, 1, 2]}
    assert sorted(one.tried + two.tried) == [("a", 0), ("a", 1), ("a", 2)]


async def test_a_member_that_stops_leaves_nothing_half_acknowledged(
    world: World,
) -> None:
    """What it did is acknowledged, what it did not is heard by the next, once."""
    leaving = await world.join(pause=0.005)
    await leaving.is_in()
    told = await world.tell_all(KEYS, 20)
    await world.until(40)

    await leaving.leave()

    done = len(await world.effects())
    assert 40 <= done < 240
    heir = await world.join()
    assert await world.until(240) == told
    assert len(heir.tried) == 240 - done
    assert (await heir.outcomes())["duplicate"] == 0


async def test_a_shop_that_stops_has_carried_what_it_committed(world: World) -> None:
    """Draining the outbox waits for the broker's word for every event."""
    hearer = await world.join()
    await hearer.is_in()
    told = await world.tell_all(KEYS, 20)

    await world.outbox.drain()
    await world.outbox.close()

    facts = await world.outbox.facts()
    assert (facts["pending"], facts["published"]) == (0, 240)
    assert await world.until(240) == told
