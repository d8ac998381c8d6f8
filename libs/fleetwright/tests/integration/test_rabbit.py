"""RabbitMQ as a broker: order, refusals, and what is told of a wrong server."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from urllib.parse import urlsplit, urlunsplit

import pytest
import structlog
from rabbit_api import Administrator

from fleetwright.errors import FleetwrightError, Unavailable
from fleetwright.events._broker import Delivery, Receiver
from fleetwright.events._envelope import LANES, MOST_BODY_BYTES, Message, new_id
from fleetwright.events.brokers import connect
from fleetwright.events.brokers._rabbit import RabbitBroker

_names = count(1)


def message(key: str | None, topic: str, body: bytes = b"{}") -> Message:
    """Return a message with the headers an event has."""
    id = new_id()
    headers = {
        "specversion": "1.0",
        "id": id,
        "source": "/orders",
        "type": topic,
        "time": "2026-01-02T03:04:05.678901+00:00",
        "datacontenttype": "application/json",
        "dataschema": f"/events/{topic}/1",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    if key is not None:
        headers["subject"] = headers["partitionkey"] = key
    return Message(id, topic, key, headers, body)


@pytest.fixture
def topic() -> str:
    """Return a topic nobody else uses."""
    return f"orders.placed{next(_names)}"


@pytest.fixture
def group() -> str:
    """Return a group nobody else is in."""
    return f"payments{next(_names)}"


@pytest.fixture
async def broker(rabbit_url: str) -> AsyncIterator[RabbitBroker]:
    """Give an open broker."""
    broker = RabbitBroker(rabbit_url)
    await broker.open()
    yield broker
    await broker.close()


async def received(receiver: Receiver, wanted: int) -> list[Delivery]:
    """Return the next deliveries, acknowledged."""
    found: list[Delivery] = []
    async with asyncio.timeout(60):
        while len(found) < wanted:
            deliveries = await receiver.receive(wanted)
            await receiver.acknowledge(deliveries)
            found += deliveries
    return found


async def test_message_comes_as_it_was_published(
    broker: RabbitBroker, topic: str, group: str
) -> None:
    """Everything in a message is carried, also keys that are no attribute and none."""
    receiver = await broker.subscribe(group, [topic])
    published = [
        message("order-1", topic, b'{"n": 1}'),
        message(None, topic),
        Message(new_id(), topic, "bare", {}, b"\x00\xff"),
        Message(new_id(), topic, None, {"partitionkey": "p", "ümlaut": "ü"}, b""),
        message("big", topic, b"x" * MOST_BODY_BYTES),
    ]

    assert await broker.publish(published) == {}

    found = {one.message.id: one for one in await received(receiver, len(published))}
    for one in published:
        assert found[one.id].message == one
        assert found[one.id].lane == one.lane


async def test_keys_keep_their_order(
    broker: RabbitBroker, topic: str, group: str
) -> None:
    """What is published in order per key, across batches and topics, comes in order."""
    receiver = await broker.subscribe(group, [topic, f"{topic}.other"])
    published = [
        message(f"key-{n % 7}", topic if n % 3 else f"{topic}.other")
        for n in range(300)
    ]

    for start in range(0, 300, 100):
        await broker.publish(published[start : start + 100])

    found = [one.message for one in await received(receiver, 300)]
    for key in {one.key for one in published}:
        assert [one.id for one in found if one.key == key] == [
            one.id for one in published if one.key == key
        ]


async def test_what_is_not_acknowledged_is_received_again(
    broker: RabbitBroker, topic: str, group: str
) -> None:
    """In order, the same delivery; what is acknowledged is not."""
    receiver = await broker.subscribe(group, [topic])
    published = [message("one", topic) for _ in range(5)]
    await broker.publish(published)

    first: list[Delivery] = []
    async with asyncio.timeout(60):
        while len(first) < 5:
            first = list(await receiver.receive(10))
    await receiver.acknowledge([first[0], first[2]])  # not only from the front

    again = await receiver.receive(10)
    assert list(again) == [first[1], first[3], first[4]]


async def test_next_member_gets_what_the_first_did_not_finish(
    broker: RabbitBroker, rabbit_url: str, topic: str, group: str
) -> None:
    """In order, from the first that was not acknowledged; nothing that was."""
    first = await broker.subscribe(group, [topic])
    published = [message("one", topic) for _ in range(10)]
    await broker.publish(published)
    handled = list(await received(first, 1))
    other = RabbitBroker(rabbit_url)
    await other.open()
    second = await other.subscribe(group, [topic])

    await first.close()
    rest = await received(second, 10 - len(handled))

    told = [one.message.id for one in [*handled, *rest]]
    assert told == [one.id for one in published]
    await other.close()


async def test_each_group_gets_everything(
    broker: RabbitBroker, topic: str, group: str
) -> None:
    """Groups do not take from one another."""
    receivers = [await broker.subscribe(f"{group}-{n}", [topic]) for n in range(2)]
    published = [message(f"key-{n}", topic) for n in range(20)]

    await broker.publish(published)

    for receiver in receivers:
        found = {one.message.id for one in await received(receiver, 20)}
        assert found == {one.id for one in published}


async def test_what_nobody_heard_comes_before_what_is_new(
    broker: RabbitBroker, topic: str, group: str
) -> None:
    """It waits for the first group; what is told meanwhile does not overtake it."""
    other = f"{topic}.other"
    early = [message(f"key-{n % 3}", topic if n % 2 else other) for n in range(60)]
    assert await broker.publish(early) == {}

    receiver = await broker.subscribe(group, [topic, other])
    late = [message(f"key-{n % 3}", topic) for n in range(60)]
    assert await broker.publish(late) == {}

    found = [one.message for one in await received(receiver, 120)]
    for key in {one.key for one in early}:
        for kind in (topic, other):
            assert [one.id for one in found if (one.key, one.topic) == (key, kind)] == [
                one.id for one in early + late if (one.key, one.topic) == (key, kind)
            ]


async def test_what_nobody_heard_is_taken_over_by_one_group(
    broker: RabbitBroker, topic: str, group: str
) -> None:
    """The second group hears what is told from now on, and does not wait."""
    early = message("one", topic)
    await broker.publish([early])
    first = await broker.subscribe(group, [topic])
    in_hand = await first.receive(10)  # and never acknowledged

    second = await broker.subscribe(f"{group}-second", [topic])
    late = message("one", topic)
    await broker.publish([late])

    assert [one.message.id for one in in_hand] == [early.id]
    assert [one.message.id for one in await received(second, 1)] == [late.id]


async def test_members_share_the_lanes(
    broker: RabbitBroker, rabbit_url: str, topic: str, group: str
) -> None:
    """Each has half of them; when one has gone the other has all, in order."""
    first = await broker.subscribe(group, [topic])
    assert len(first.lanes) == LANES
    other = RabbitBroker(rabbit_url)
    await other.open()
    second = await other.subscribe(group, [topic])
    giving = asyncio.create_task(first.receive(100))  # it gives back between batches
    async with asyncio.timeout(60):
        while len(second.lanes) < LANES // 2:  # noqa: ASYNC110 - told by the server
            await asyncio.sleep(0.05)

    assert len(first.lanes) == LANES // 2
    assert not first.lanes.keys() & second.lanes.keys()
    await other.close()
    async with asyncio.timeout(60):
        while len(first.lanes) < LANES:  # noqa: ASYNC110 - told by the server
            await asyncio.sleep(0.05)
    giving.cancel()


async def test_too_large_is_refused_and_its_key_stops(
    broker: RabbitBroker, topic: str, group: str
) -> None:
    """Later events of the key are refused too; others are not."""
    receiver = await broker.subscribe(group, [topic])
    large = message("one", topic, b"x" * (MOST_BODY_BYTES + 1))
    behind, other = message("one", topic), message("two", topic)

    refused = await broker.publish([large, behind, other])

    assert refused == {
        large.id: f"the body has {MOST_BODY_BYTES + 1} bytes",
        behind.id: "an earlier event of its key was refused",
    }
    assert [one.message.id for one in await received(receiver, 1)] == [other.id]


async def test_full_queue_refuses_and_keeps_the_order(
    broker: RabbitBroker, rabbit_url: str, topic: str, group: str
) -> None:
    """A refused event and those behind it are told; tried again they come in order."""
    receiver = await broker.subscribe(group, [topic])
    administrator = Administrator(rabbit_url)
    administrator.limit(f"^{group}", 3)
    published: list[Message] = []
    refused: dict[str, str] = {}
    async with asyncio.timeout(60):
        while not refused:  # the limit comes into force a moment later
            batch = [message("one", topic) for _ in range(10)]
            published += batch
            refused = dict(await broker.publish(batch))
    waiting = [one for one in published if one.id in refused]
    assert waiting == published[-len(refused) :]
    reasons = list(refused.values())
    assert reasons[0] == "a queue that should have it is full, or failed"
    assert set(reasons[1:]) <= {"an earlier event of its key was refused"}

    heard: list[str] = []
    async with asyncio.timeout(60):
        while len(heard) < len(published):
            heard += [one.message.id for one in await received(receiver, 1)]
            refused = dict(await broker.publish(waiting))
            waiting = [one for one in waiting if one.id in refused]
    assert heard == [one.id for one in published]
    administrator.unlimit()


async def test_queue_that_is_set_up_otherwise_is_told(
    broker: RabbitBroker, rabbit_url: str, topic: str, group: str
) -> None:
    """What, where and the mend; and when it is gone the group hears."""
    administrator = Administrator(rabbit_url)
    administrator.declare_queue(f"{group}.5", **{"x_max_length": 7})

    await broker.subscribe(group, [topic])
    with pytest.raises(Unavailable) as raised:
        await broker.check()

    assert f"the queue {group}.5 stands in RabbitMQ otherwise" in raised.value.message
    assert "x-" in str(raised.value.where)
    assert "delete it" in str(raised.value.hint)


async def test_dead_letters_are_told(
    broker: RabbitBroker, rabbit_url: str, topic: str, group: str
) -> None:
    """What killed its readers twenty times is put aside, and the log says so."""
    administrator = Administrator(rabbit_url)
    with structlog.testing.capture_logs() as logs:
        await broker.subscribe(group, [topic])
        await asyncio.to_thread(
            administrator.ask,
            "POST",
            *("exchanges", administrator.vhost, f"{group}.dead", "publish"),
            properties={},
            routing_key="",
            payload="{}",
            payload_encoding="string",
        )
        async with asyncio.timeout(60):
            while "broker.dead_letters" not in [  # noqa: ASYNC110 - told by a server
                one["event"] for one in logs
            ]:
                await asyncio.sleep(0.05)

    told = [one for one in logs if one["event"] == "broker.dead_letters"]
    assert [(one["queue"], one["messages"]) for one in told] == [(f"{group}.dead", 1)]


async def test_wrong_password_is_told_without_it(rabbit_url: str) -> None:
    """`open` does not fail; `check` says who is refused, and shows no password."""
    parts = urlsplit(rabbit_url)
    place = parts.netloc.rpartition("@")[2]
    url = urlunsplit(parts._replace(netloc=f"guest:Secret-0815@{place}"))
    broker = connect(url)

    await broker.open()
    with pytest.raises(Unavailable, match="refuses the name or the password") as raised:
        await broker.check()
    with pytest.raises(Unavailable):
        await broker.publish([message("one", "orders.placed")])

    assert "Secret-0815" not in f"{raised.value!s}{raised.value!r}{broker!r}"
    await broker.close()


async def test_missing_vhost_is_told(rabbit_url: str) -> None:
    """The name of the vhost and the mend."""
    broker = connect(urlunsplit(urlsplit(rabbit_url)._replace(path="/nowhere")))

    await broker.open()
    with pytest.raises(Unavailable, match="not into the vhost nowhere") as raised:
        await broker.check()

    assert "add_vhost" in str(raised.value.hint)
    await broker.close()


@pytest.mark.parametrize(
    "url",
    [
        "amqp://",
        "amqp://guest:Secret-0815@host:port/",
        "amqp://guest:Secret-0815@host:70000/",
        "amqps://guest:Secret-0815@host/?no_verify_ssl=1",
        "amqp://guest:Secret-0815@host/?cafile=x",
        "rabbit://guest:Secret-0815@host",
    ],
)
def test_wrong_url_fails_at_once(url: str) -> None:
    """Before anything is connected, without the password in the text."""
    with pytest.raises(FleetwrightError) as raised:
        connect(url)

    assert "Secret-0815" not in str(raised.value)


async def test_unreachable_server_is_waited_for() -> None:
    """`open` and `subscribe` come back at once, `publish` raises, `check` says why."""
    broker = connect("amqp://guest:guest@127.0.0.1:9/")
    async with asyncio.timeout(60):
        await broker.open()
        receiver = await broker.subscribe("payments", ["orders.placed"])

    with pytest.raises(Unavailable, match="cannot be reached: Connection refused"):
        await broker.check()
    with pytest.raises(Unavailable):
        await broker.publish([message("one", "orders.placed")])
    assert receiver.lanes == {}
    await broker.close()
