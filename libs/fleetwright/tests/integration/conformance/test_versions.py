"""Two versions of a service at once: each hears what it hears, nothing is lost."""

import asyncio

import pytest
from brokers_under_test import Feature
from hearers import Happened, Hearer, World, declared
from sqlalchemy import delete, select, update

from fleetwright.database import AsyncDatabase
from fleetwright.events import _hearing
from fleetwright.events._kept import Unsubscribing
from fleetwright.events._parking import State
from fleetwright.events._stuck import Wanted, parked_ones
from fleetwright.events._tables import hearing

KEYS = [f"key-{number}" for number in range(12)]


@pytest.fixture
def new_kind(name: str) -> type[Happened]:
    """Return an event that only the newer version of the bank hears."""
    return declared(f"shop.{name}.new")


async def versions(world: World, kind: type[Happened]) -> tuple[Hearer, Hearer]:
    """Return a process of the old version that owns lanes, and one of the new."""
    old = await world.join()
    await old.is_in()
    new = await world.join(kinds=[world.kind, kind])
    return old, new


async def test_an_older_process_loses_nothing_that_only_newer_ones_hear(
    world: World, new_kind: type[Happened]
) -> None:
    """It is given such an event, and keeps it for them: once, in order per key."""
    await versions(world, new_kind)
    await world.join()  # an old one is restarted: it takes nothing away
    for n in range(10):
        for key in KEYS:
            await world.tell(f"new {key}", [n], new_kind)
            await world.tell(key, [n])

    found = await world.until(240)

    keys = [*KEYS, *(f"new {key}" for key in KEYS)]
    assert found == {key: [*range(10)] for key in keys}


@pytest.mark.needs(Feature.ACROSS)
async def test_the_order_of_a_key_holds_across_what_each_version_hears(
    world: World, new_kind: type[Happened]
) -> None:
    """What the old version hears waits behind what it keeps for the new one."""
    await versions(world, new_kind)
    for n in range(10):
        for key in KEYS:
            await world.tell(key, [n], new_kind if n % 3 == 1 else None)

    assert await world.until(120) == {key: [*range(10)] for key in KEYS}


@pytest.mark.needs(Feature.ACROSS)
async def test_what_nobody_hears_any_more_holds_nobody_up(
    world: World, new_kind: type[Happened]
) -> None:
    """A version is taken back: its events are kept aside, and heard when it returns."""
    old, new = await versions(world, new_kind)
    await new.leave()
    await forgotten(world.bank, seconds=_hearing.ALIVE_SECONDS)
    for n in range(6):
        for key in KEYS:
            await world.tell(key, [n], new_kind if n % 2 else None)

    found = await world.until(36)
    await kept(old, 36)
    async with world.bank.reading() as session:
        stuck = await parked_ones(
            session, world.group, Wanted(), limit=50, behind=False
        )
    told = (await old.consumer.facts())["unheard"]
    await world.join(kinds=[world.kind, new_kind])

    assert found == {key: [0, 2, 4] for key in KEYS}
    assert told == {new_kind.__topic__: 36}
    assert {(one.standing, one.error) for one in stuck} == {
        ("unheard", "nobody here hears it yet")
    }
    assert await world.until(72) == {key: [0, 2, 4, 1, 3, 5] for key in KEYS}


@pytest.mark.needs(Feature.ACROSS)
async def test_what_was_parked_of_a_topic_that_went_lets_its_key_go_on(
    world: World, new_kind: type[Happened], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits in its place while a newer process may live, then aside."""
    monkeypatch.setattr(_hearing, "SAY_SECONDS", 0.1)
    old, new = await versions(world, new_kind)
    await new.leave()
    await world.tell("a", [0], new_kind)
    await world.tell("a", [1, 2])
    await kept(old, 3)
    states = [one.state for one in await old.consumer.parked()]

    await forgotten(world.bank, seconds=_hearing.ALIVE_SECONDS)

    assert states == [State.RETRY] * 3
    assert await world.until(2) == {"a": [1, 2]}


@pytest.mark.needs(Feature.ACROSS)
async def test_a_topic_nobody_hears_for_long_is_sent_no_more(
    world: World, new_kind: type[Happened], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group is unsubscribed by who is left; what it hears still comes."""
    monkeypatch.setattr(_hearing, "SAY_SECONDS", 0.1)
    old, new = await versions(world, new_kind)
    await new.leave()
    await forgotten(world.bank, seconds=_hearing.ALIVE_SECONDS)
    monkeypatch.setattr(_hearing, "GIVE_UP_SECONDS", 0.5)
    async with asyncio.timeout(60):
        while new_kind.__topic__ in await said(world.bank):  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    for n in range(10):
        await world.tell("a", [n], new_kind)
        await world.tell("a", [n])

    assert await world.until(10) == {"a": [*range(10)]}
    assert await old.consumer.parked() == []


@pytest.mark.needs(Feature.ACROSS)
async def test_a_topic_given_up_by_mistake_is_asked_for_again(
    world: World, new_kind: type[Happened], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was taken for gone is back: it says so, and is sent its events."""
    monkeypatch.setattr(_hearing, "SAY_SECONDS", 0.1)
    topic = new_kind.__topic__
    old, new = await versions(world, new_kind)
    broker = old.consumer.broker
    assert isinstance(broker, Unsubscribing)
    async with world.bank.transaction() as transaction:
        await transaction.execute(delete(hearing).where(hearing.c.topic == topic))
        await broker.unsubscribe(world.group, [topic])

    # What a server is told before it was asked again is heard by nobody.
    told = 0
    async with asyncio.timeout(60):
        while not new.tried and not await old.consumer.parked():
            await world.tell("a", [told], new_kind)
            told += 1
            await asyncio.sleep(0.02)
    await world.tell("a", [told], new_kind)
    async with asyncio.timeout(60):
        while ("a", told) not in await world.effects():  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    heard = [n for _, n in await world.effects()]
    assert heard == [*range(heard[0], told + 1)]


async def forgotten(bank: AsyncDatabase, *, seconds: float) -> None:
    """Let some time have passed since the newer version was there."""
    passed = update(hearing).values(seen=hearing.c.seen - seconds)
    async with bank.transaction() as transaction:
        await transaction.execute(passed.where(hearing.c.topic.like("%.new")))


async def said(bank: AsyncDatabase) -> list[str]:
    """Return the topics that somebody has said to hear."""
    async with bank.reading() as session:
        return list(await session.scalars(select(hearing.c.topic)))


async def kept(hearer: Hearer, count: int) -> None:
    """Wait until so many events are parked."""
    async with asyncio.timeout(60):
        while len(await hearer.consumer.parked()) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
