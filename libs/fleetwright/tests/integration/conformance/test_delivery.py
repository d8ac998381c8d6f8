"""What every broker delivers: all of it, to every group, until it is acknowledged."""

import asyncio
from contextlib import suppress

import pytest
from brokers_under_test import Feature
from hearers import World, by_key

from fleetwright._context import bind, new_call
from fleetwright.events import Broker, connect
from fleetwright.events._broker import Delivery, Receiver
from fleetwright.events._envelope import LANES, Message, lane_of, new_id

KEYS = [f"key-{number}" for number in range(32)]


async def joined(broker: Broker, group: str, topic: str) -> Receiver:
    """Return a receiver that has lanes."""
    receiver = await broker.subscribe(group, [topic])
    async with asyncio.timeout(60):
        while not receiver.lanes:  # noqa: ASYNC110 - told by another machine
            await asyncio.sleep(0.02)
    return receiver


async def received(receiver: Receiver, count: int) -> list[Delivery]:
    """Return so many deliveries, each acknowledged."""
    found: list[Delivery] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            some = await receiver.receive(100)
            await receiver.acknowledge(some)
            found += some
    return found


async def test_what_is_published_is_received(broker: Broker, world: World) -> None:
    """Each message once and whole, in the order of its key."""
    receiver = await joined(broker, world.group, world.kind.__topic__)
    sent = [world.message(key, n) for n in range(10) for key in KEYS]

    assert await broker.publish(sent) == {}

    found = [one.message for one in await received(receiver, len(sent))]
    for key in KEYS:
        of_key = [one for one in found if one.key == key]
        assert of_key == [one for one in sent if one.key == key]
    assert len(found) == len(sent)
    await receiver.close()


@pytest.mark.parametrize("key", [None, "", "clé/日本 #*.\n", "k" * 200])
async def test_a_message_comes_as_it_went(
    broker: Broker, world: World, key: str | None
) -> None:
    """Its id, key, headers and bytes are those of its publisher, whatever they are."""
    receiver = await joined(broker, world.group, world.kind.__topic__)
    headers = {"traceparent": "00-ab-cd-01", "source": "/größe", "empty": ""}
    body = bytes(range(256))
    sent = Message(new_id(), world.kind.__topic__, key, headers, body)

    await broker.publish([sent])

    [found] = await received(receiver, 1)
    assert found.message == sent
    assert found.lane == sent.lane
    await receiver.close()


async def test_a_reaction_runs_in_the_call_that_told_of_it(world: World) -> None:
    """The call's id and its trace travel through outbox, broker and consumer."""
    hearer = await world.join()
    await hearer.is_in()

    with bind(new_call("shop")) as call:
        await world.tell("a", [1])

    await world.until(1)
    [heard] = hearer.calls
    assert heard is not None
    assert (heard.id, heard.trace_id) == (call.id, call.trace_id)
    assert (heard.service, heard.caller) == (world.group, "shop")


async def test_every_group_hears_everything(world: World) -> None:
    """Groups know nothing of each other."""
    bank, post = await world.join(), await world.join(f"post-{world.group}")
    await bank.is_in()
    await post.is_in()

    told = await world.tell_all(["a", "b", "c"], 10)

    assert await world.until(30) == told
    assert await world.until(30, f"post-{world.group}") == told


async def test_publishers_at_once_do_not_disturb_each_other(
    broker: Broker, world: World
) -> None:
    """Sixteen tasks publish, each to a lane of its own."""
    receiver = await joined(broker, world.group, world.kind.__topic__)
    lanes = {lane_of(key): key for key in (f"k{number}" for number in range(500))}
    assert len(lanes) == LANES

    async def publish(key: str) -> None:
        for n in range(0, 20, 4):
            batch = [world.message(key, m) for m in range(n, n + 4)]
            assert await broker.publish(batch) == {}

    await asyncio.gather(*map(publish, lanes.values()))

    found = await received(receiver, LANES * 20)
    events = [world.kind.model_validate_json(one.message.body) for one in found]
    heard = by_key((event.key, event.n) for event in events)
    assert heard == {key: list(range(20)) for key in lanes.values()}
    await receiver.close()


async def test_tellers_at_once_are_all_heard(world: World) -> None:
    """Eight tasks of the shop tell, each of one key."""
    hearer = await world.join()
    await hearer.is_in()
    keys = KEYS[:8]

    await asyncio.gather(*(world.tell(key, range(20)) for key in keys))

    assert await world.until(160) == {key: list(range(20)) for key in keys}


async def test_what_is_not_acknowledged_is_received_again_in_order(
    broker: Broker, world: World
) -> None:
    """By the same receiver: an acknowledgement counts for what it names, no more."""
    receiver = await joined(broker, world.group, world.kind.__topic__)
    sent = [world.message("a", n) for n in range(10)]
    await broker.publish(sent)
    some: list[Delivery] = []
    async with asyncio.timeout(60):
        while len(some) < 4:
            some = list(await receiver.receive(10))

    await receiver.acknowledge(some[:3])

    again = await received(receiver, 7)
    assert [one.message for one in again] == sent[3:]
    await receiver.close()


async def test_receiving_again_what_is_in_hand_leaves_others_their_turns(
    broker: Broker, world: World
) -> None:
    """Whoever waits for more with what is there already must let it come."""
    receiver = await joined(broker, world.group, world.kind.__topic__)
    await broker.publish([world.message(KEYS[0], 1)])
    async with asyncio.timeout(60):
        await receiver.receive(10)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    working = asyncio.create_task(others())
    with suppress(TimeoutError):  # where it is not received again
        async with asyncio.timeout(1):
            for _ in range(100):
                await receiver.receive(10)
    working.cancel()

    assert turns >= 100
    await receiver.close()


async def test_what_a_receiver_left_is_received_by_its_heir(
    broker: Broker, world: World
) -> None:
    """A process that goes without a word has lost nothing for its group."""
    topic = world.kind.__topic__
    leaving = await joined(broker, world.group, topic)
    sent = [world.message("a", n) for n in range(5)]
    await broker.publish(sent)
    async with asyncio.timeout(60):
        first = await leaving.receive(10)
    await leaving.close()

    heir = await joined(broker, world.group, topic)

    again = await received(heir, len(sent))
    assert [one.message for one in again] == sent
    assert first[0].epoch != again[0].epoch
    await heir.close()


async def test_a_receiver_that_gave_up_waiting_has_lost_nothing(
    broker: Broker, world: World
) -> None:
    """A wait for messages may be cancelled at any time."""
    receiver = await joined(broker, world.group, world.kind.__topic__)
    for n in range(5):
        waiting = asyncio.create_task(receiver.receive(10))
        await asyncio.sleep(0)
        await broker.publish([world.message("a", n)])
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    assert len(await received(receiver, 5)) == 5
    await receiver.close()


async def test_an_acknowledgement_that_comes_late_is_dropped(
    broker: Broker, world: World
) -> None:
    """Whoever has the lane now receives what its earlier owner had in hand."""
    topic = world.kind.__topic__
    earlier = await joined(broker, world.group, topic)
    await broker.publish([world.message("a", 1)])
    async with asyncio.timeout(60):
        in_hand = await earlier.receive(10)
    await earlier.close()
    later = await joined(broker, world.group, topic)

    await earlier.acknowledge(in_hand)

    assert len(await received(later, 1)) == 1
    await later.close()


@pytest.mark.needs(Feature.IDS)
async def test_a_message_published_twice_is_kept_once(
    broker: Broker, world: World
) -> None:
    """A relay that died before its delete costs nobody anything."""
    receiver = await joined(broker, world.group, world.kind.__topic__)
    first, last = world.message("a", 1), world.message("a", 2)

    await broker.publish([first])
    await broker.publish([first, last])

    found = [one.message for one in await received(receiver, 2)]
    assert found == [first, last]
    await receiver.close()


async def test_a_message_published_twice_has_one_effect(world: World) -> None:
    """Whether or not the broker knows ids, the ledger has one line."""
    hearer = await world.join()
    await hearer.is_in()
    first, last = world.message("a", 1), world.message("a", 2)

    await world.put(first)
    await world.put(first)
    await world.put(last)

    assert await world.until(2) == {"a": [1, 2]}
    assert hearer.tried == [("a", 1), ("a", 2)]


async def test_ten_thousand_keys_are_received(broker: Broker, world: World) -> None:
    """Keys cost nothing: there are as many as there are orders."""
    receiver = await joined(broker, world.group, world.kind.__topic__)
    sent = [world.message(f"order-{number}", 0) for number in range(10_000)]

    for start in range(0, len(sent), 500):
        assert await broker.publish(sent[start : start + 500]) == {}

    found = await received(receiver, len(sent))
    assert {one.message.id for one in found} == {one.id for one in sent}
    assert len(found) == len(sent)
    await receiver.close()


async def test_opening_and_closing_again_is_harmless(broker_url: str) -> None:
    """Two parts of a service may both see to their broker."""
    broker = connect(broker_url)

    await broker.open()
    await broker.open()
    async with asyncio.timeout(60):
        while await trouble(broker):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await broker.close()
    await broker.close()


async def trouble(broker: Broker) -> str:
    """Return what the broker's check says; nothing when all is well."""
    try:
        await broker.check()
    except Exception as error:
        return str(error)
    return ""
