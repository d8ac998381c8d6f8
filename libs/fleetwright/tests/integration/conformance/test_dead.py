"""Dead events: listed, tried again, thrown away."""

import asyncio
from collections.abc import Sequence

from hearers import Hearer, World

from fleetwright.events import Redelivery
from fleetwright.events._parking import Parked, State
from fleetwright.events._stuck import Wanted, discard_parked

SHORT = Redelivery(attempts=2, first_seconds=0.01)


async def dying(world: World) -> Hearer:
    """Return a hearer that cannot do the first of three events."""
    hearer = await world.join(redelivery=SHORT)
    await hearer.is_in()
    hearer.heals = False
    hearer.failing["a", 0] = RuntimeError("never")
    return hearer


async def dead(hearer: Hearer, waiting: int) -> Sequence[Parked]:
    """Return what is parked once one event is dead and so many wait behind it."""
    wanted = [State.DEAD] + [State.RETRY] * waiting
    async with asyncio.timeout(60):
        while True:
            parked = await hearer.consumer.parked()
            if [one.state for one in parked] == wanted:
                return parked
            await asyncio.sleep(0.02)


async def test_what_was_given_up_is_listed_with_its_reason(world: World) -> None:
    """It is whole: what it was, how often it was tried and why it failed."""
    hearer = await dying(world)
    message = world.message("a", 0)

    await world.put(message, world.message("b", 0))

    [parked] = await dead(hearer, waiting=0)
    assert parked.message == message
    assert (parked.attempts, parked.error) == (2, "RuntimeError: never")
    assert await world.until(1) == {"b": [0]}


async def test_what_is_driven_again_counts_once_and_in_its_place(world: World) -> None:
    """Later events of its key have waited for it."""
    hearer = await dying(world)
    await world.tell("a", [0, 1, 2])
    [parked, *_] = await dead(hearer, waiting=2)
    hearer.failing.clear()

    assert await hearer.consumer.redrive(parked.message.id) == 1

    assert await world.until(3) == {"a": [0, 1, 2]}
    assert await hearer.consumer.parked() == []


async def test_what_is_driven_again_in_vain_is_dead_again(world: World) -> None:
    """Nothing is lost by trying."""
    hearer = await dying(world)
    await world.tell("a", [0, 1])
    await dead(hearer, waiting=1)
    tries = hearer.tried.count(("a", 0))

    await hearer.consumer.redrive()

    async with asyncio.timeout(60):
        while hearer.tried.count(("a", 0)) < 2 * tries:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await dead(hearer, waiting=1)
    assert await world.effects() == []


async def test_what_is_thrown_away_lets_its_key_go_on(world: World) -> None:
    """It has no effect, not even if it comes again."""
    hearer = await dying(world)
    await world.tell("a", [0, 1, 2])
    [parked, *_] = await dead(hearer, waiting=2)
    wanted = Wanted((parked.message.id,))

    async with world.bank.transaction() as transaction:
        assert await discard_parked(transaction, world.group, wanted)
    hearer.failing.clear()
    await world.put(parked.message)

    assert await world.until(2) == {"a": [1, 2]}
    await world.tell("a", [3])
    assert await world.until(3) == {"a": [1, 2, 3]}
