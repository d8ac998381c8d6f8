"""What an operator sees of a broker, and has heard again."""

import asyncio
from types import SimpleNamespace

import pytest
from brokers_under_test import Feature, Kind
from hearers import Hearer, World, ledger
from sqlalchemy import delete

from fleetwright import Settings
from fleetwright._clock import clock
from fleetwright.errors import FleetwrightError
from fleetwright.events import connect
from fleetwright.events._desk import Desk
from fleetwright.events._kept import Counting, Span
from fleetwright.events._tables import inbox

KEYS = [f"key-{number}" for number in range(12)]


def desk_of(hearer: Hearer) -> Desk:
    """Return the desk of a service that only hears."""
    service = SimpleNamespace(
        name="bank", version="1", settings=Settings(), parts=[hearer.consumer]
    )
    return Desk(service, package="bank")


async def waiting(world: World, group: str = "", topic: str = "") -> int:
    """Return how much waits for a group, as a tool finds it from outside."""
    broker = connect(world.broker_url)
    assert isinstance(broker, Counting)
    topics = [topic or world.kind.__topic__]
    return (await broker.backlog(group or world.group, topics)).total


async def nothing_waits(world: World) -> None:
    """Wait until the broker knows that all is done."""
    async with asyncio.timeout(60):
        while await waiting(world):
            pass


async def heard(world: World) -> Hearer:
    """Return a process that has heard five events of each key."""
    hearer = await world.join()
    await hearer.is_in()
    await world.tell_all(KEYS, 5)
    await world.until(60)
    return hearer


async def put_back(world: World) -> None:
    """Have the bank's database be what it was before it heard anything."""
    async with world.bank.transaction() as transaction:
        await transaction.execute(delete(ledger))
        await transaction.execute(delete(inbox))


@pytest.mark.needs(Feature.COUNTS)
async def test_what_waits_for_a_group_is_told(world: World) -> None:
    """Whoever asks need not be a member, nor connected; done, nothing waits."""
    await world.introduce()
    nobody = await waiting(world, f"nobody-{world.group}")
    untold = await waiting(world, topic=f"{world.kind.__topic__}.untold")
    await world.tell_all(KEYS, 3)
    await world.outbox.drain()
    before = await waiting(world)
    hearer = await world.join()
    await world.until(36)
    await nothing_waits(world)
    [group] = (await desk_of(hearer).topics())["groups"]

    assert (nobody, untold, before) == (0, 0, 36)
    assert group["backlog_error"] is None


@pytest.mark.needs(Feature.HISTORY)
async def test_what_was_heard_can_be_heard_again(world: World) -> None:
    """A database that was put back catches up, in order; twice asked, once counted."""
    hearer = await heard(world)
    await nothing_waits(world)
    await put_back(world)
    desk = desk_of(hearer)

    for _ in range(2):
        told = await desk.reread(world.kind.__topic__, Span(clock().now() - 3600))
        assert told == [{"group": world.group, "delivered_again": 60}]
        assert await world.until(60) == {key: [*range(5)] for key in KEYS}
        await nothing_waits(world)

    await world.tell("last", [0])
    assert len(await world.until(61)) == len(KEYS) + 1


@pytest.mark.needs(Feature.HISTORY)
async def test_no_more_is_heard_again_than_was_asked_for(world: World) -> None:
    """Nothing of before the span, nothing of after it."""
    hearer = await heard(world)
    middle = clock().now()
    await world.tell_all([f"later {key}" for key in KEYS], 1)
    await world.until(72)
    await nothing_waits(world)
    await put_back(world)
    desk, topic = desk_of(hearer), world.kind.__topic__

    early = await desk.reread(topic, Span(None, middle))
    found = await world.until(60)
    late = await desk.reread(topic, Span(middle, None))
    none = await desk.reread(topic, Span(clock().now() + 60))

    assert [one["delivered_again"] for [one] in (early, late, none)] == [60, 12, 0]
    assert found == {key: [*range(5)] for key in KEYS}
    assert len(await world.until(72)) == 2 * len(KEYS)


async def test_a_broker_without_history_says_so(world: World, kind: Kind) -> None:
    """Nothing is pretended: what to do instead is told."""
    hearer = await world.join()
    desk, topic = desk_of(hearer), world.kind.__topic__

    if Feature.HISTORY in kind.lacks:
        with pytest.raises(FleetwrightError, match="keeps nothing that was heard"):
            await desk.reread(topic, Span())
    else:
        assert len(await desk.reread(topic, Span())) == 1
