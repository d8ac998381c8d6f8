"""Kafka as a broker: order per key, refusals, groups, and what is still to do."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from fleetwright.errors import FleetwrightError
from fleetwright.events._broker import Delivery, Receiver
from fleetwright.events._envelope import LANES, Message, new_id
from fleetwright.events._kept import Backlog, Span
from fleetwright.events.brokers._kafka import KafkaBroker


@pytest.fixture
async def broker(kafka_url: str) -> AsyncIterator[KafkaBroker]:
    """Give a connection to the real Kafka."""
    broker = KafkaBroker(kafka_url)
    await broker.open()
    yield broker
    await broker.close()


@pytest.fixture
def admin(kafka_url: str) -> AdminClient:
    """Give what makes topics as an administrator would."""
    servers = kafka_url.removeprefix("kafka://")
    return AdminClient({"bootstrap.servers": servers})


@pytest.fixture
def topic() -> str:
    """Give a topic nobody else uses."""
    return f"test.{uuid4().hex[:12]}"


def message(topic: str, key: str | None, number: int, size: int = 0) -> Message:
    """Return a message that says its number."""
    id = new_id()
    headers = {"id": id, "type": topic, "datacontenttype": "application/json"}
    return Message(id, topic, key, headers, str(number).encode() + b" " * size)


async def received(receiver: Receiver, count: int) -> list[Delivery]:
    """Return the next deliveries, acknowledged."""
    got: list[Delivery] = []
    async with asyncio.timeout(60):
        while len(got) < count:
            some = await receiver.receive(count - len(got))
            await receiver.acknowledge(some)
            got += some
    return got


def numbers(deliveries: Sequence[Delivery], key: str | None) -> list[int]:
    """Return the numbers of a key's messages, as they came."""
    return [int(it.message.body) for it in deliveries if it.message.key == key]


async def test_messages_come_as_they_were_in_order_of_their_key(
    broker: KafkaBroker, topic: str
) -> None:
    """A group that comes later hears everything, whole, in order per key."""
    keys = [f"k{n}" for n in range(40)]
    sent = [message(topic, keys[n % 40], n) for n in range(400)]
    sent.append(message(topic, None, 400))
    sent.append(message(topic, "", 401))
    for begin in range(0, len(sent), 64):
        assert await broker.publish(sent[begin : begin + 64]) == {}

    receiver = await broker.subscribe(f"g-{topic}", [topic])
    got = await received(receiver, len(sent))

    assert sorted(it.message.id for it in got) == sorted(it.id for it in sent)
    assert {it.message.id: it.message for it in got} == {it.id: it for it in sent}
    for number, key in enumerate(keys):
        assert numbers(got, key) == list(range(number, 400, 40))
    assert all(it.lane == it.message.lane and it.stream == topic for it in got)


async def test_refused_message_holds_back_its_key_alone(
    admin: AdminClient, broker: KafkaBroker, topic: str
) -> None:
    """One too large for the topic is refused with later ones of its key; others go."""
    small = {"max.message.bytes": "2000"}
    new = NewTopic(topic, LANES, config=small)
    admin.create_topics([new])[topic].result()
    sent = [message(topic, f"k{n % 3}", n) for n in range(60)]
    sent[30] = message(topic, "k0", 30, size=5000)

    refused = await broker.publish(sent)

    held = [it for n, it in enumerate(sent) if n >= 30 and it.key == "k0"]
    assert set(refused) == {it.id for it in held}
    assert "too large" in refused[sent[30].id]
    receiver = await broker.subscribe(f"g-{topic}", [topic])
    got = await received(receiver, 60 - len(held))
    kept = {it.message.id: it.message for it in got}
    assert set(kept) == {it.id for it in sent} - set(refused)
    for key in ("k0", "k1", "k2"):
        in_order = [int(it.body) for it in sent if it.key == key and it.id in kept]
        assert list(dict.fromkeys(numbers(got, key))) == in_order
    assert await broker.publish([message(topic, "k0", 61)]) == {}


async def test_topic_of_another_width_is_refused_and_not_heard(
    admin: AdminClient, broker: KafkaBroker, topic: str
) -> None:
    """Order per key needs a partition for each lane; nothing is silently reordered."""
    admin.create_topics([NewTopic(topic, 4)])[topic].result()
    sent = message(topic, "k", 1)

    refused = await broker.publish([sent, message("no name!", "other", 2)])
    receiver = await broker.subscribe(f"g-{topic}", [topic])

    assert "has 4 partitions, not 16" in refused[sent.id]
    assert len(refused) == 2
    with pytest.raises(FleetwrightError, match="has 4 partitions"):
        await received(receiver, 1)
    with pytest.raises(FleetwrightError, match="has 4 partitions"):
        await broker.check()


async def test_topic_is_made_once_by_many_at_once(
    kafka_url: str, admin: AdminClient, topic: str
) -> None:
    """Processes that start together make a topic with a partition for each lane."""
    brokers = [KafkaBroker(kafka_url) for _ in range(6)]
    for broker in brokers:
        await broker.open()

    publishing = [it.publish([message(topic, "k", n)]) for n, it in enumerate(brokers)]
    outcomes = await asyncio.gather(*publishing)

    assert outcomes == [{}] * 6
    described = admin.list_topics(topic).topics[topic]
    assert len(described.partitions) == LANES
    for broker in brokers:
        await broker.close()


async def test_what_is_not_acknowledged_comes_again_and_what_is_never_does(
    broker: KafkaBroker, topic: str
) -> None:
    """Only what is done without a gap is committed; a group comes back to the rest."""
    sent = [message(topic, "k", n) for n in range(10)]
    await broker.publish(sent)
    group = f"g-{topic}"
    receiver = await broker.subscribe(group, [topic])
    first = await receiver.receive(10)
    while len(first) < 10:
        first = await receiver.receive(10)

    await receiver.acknowledge([*first[:3], first[5]])
    assert numbers(await receiver.receive(10), "k") == [3, 4, 6, 7, 8, 9]
    await receiver.close()

    again = await broker.subscribe(group, [topic])
    assert numbers(await received(again, 7), "k") == [3, 4, 5, 6, 7, 8, 9]


async def test_members_share_the_lanes_and_the_last_one_has_them_all(
    broker: KafkaBroker, topic: str
) -> None:
    """A lane comes back with another tenure; what is in hand of it is dropped."""
    group = f"g-{topic}"
    await broker.publish([message(topic, f"k{n}", n) for n in range(200)])
    first = await broker.subscribe(group, [topic])
    async with asyncio.timeout(60):
        while len(first.lanes) < LANES:
            held = await first.receive(200)
        tenures = dict(first.lanes)
        second = await broker.subscribe(group, [topic])
        taken = await second.receive(200)
        while len(first.lanes) > LANES // 2:
            taken = await second.receive(200)

        await first.acknowledge(held)  # half of it is no longer its own
        assert not {it.lane for it in await second.receive(200)} & set(first.lanes)
        assert {it.lane for it in taken} <= set(second.lanes)
        await second.close()
        while len(first.lanes) < LANES:
            await first.receive(200)

    back = {lane for lane, tenure in first.lanes.items() if tenure != tenures[lane]}
    assert len(back) == LANES // 2


async def test_lag_is_what_the_group_has_not_done(
    broker: KafkaBroker, topic: str
) -> None:
    """All that is kept for a new group; nothing when all of it is committed."""
    await broker.publish([message(topic, f"k{n}", n) for n in range(50)])
    receiver = await broker.subscribe(f"g-{topic}", [topic])

    before = await broker.backlog(f"g-{topic}", [topic])
    await received(receiver, 50)
    async with asyncio.timeout(60):
        while (await broker.backlog(f"g-{topic}", [topic])).total:
            pass

    assert before == Backlog(50, {topic: 50})


async def test_no_more_is_read_beside_a_group_than_it_has_done(
    broker: KafkaBroker, topic: str
) -> None:
    """What is still to be delivered must not be overtaken; a part is in offsets."""
    group = f"g-{topic}"
    sent = [message(topic, "k", n) for n in range(7)]
    await broker.publish(sent[:5])
    receiver = await broker.subscribe(group, [topic])
    await received(receiver, 5)
    async with asyncio.timeout(60):
        while (await broker.backlog(group, [topic])).total:
            pass
    await receiver.close()
    await broker.publish(sent[5:])

    everything = [one.message async for one in kept(broker, group, topic, Span())]
    part = [one.message async for one in kept(broker, group, topic, Span(1, 2, True))]

    assert everything == sent[:5]
    assert part == sent[1:3]


async def kept(
    broker: KafkaBroker, group: str, topic: str, span: Span
) -> AsyncIterator[Delivery]:
    """Yield what is read of a topic."""
    async for page in broker.read(group, topic, span):
        for delivery in page:
            yield delivery


async def test_record_of_another_publisher_is_delivered_with_an_id_of_its_own(
    kafka_url: str, broker: KafkaBroker, topic: str
) -> None:
    """What is no CloudEvent comes as it is, each time with the same id."""
    await broker.publish([message(topic, "k", 1)])
    foreign = Producer({"bootstrap.servers": kafka_url.removeprefix("kafka://")})
    foreign.produce(topic, None, b"\xff", 0, headers={"x": None, "ce_id": "i" * 99})
    foreign.produce(topic, b"\xff{", partition=0)
    assert foreign.flush(10) == 0
    ids = []

    for group in ("one", "two"):
        receiver = await broker.subscribe(f"{group}-{topic}", [topic])
        got = [it for it in await received(receiver, 3) if it.lane == 0]
        ids.append([it.message.id for it in got[-2:]])

    assert ids[0] == ids[1]
    assert all(len(id) == 36 for id in ids[0])
