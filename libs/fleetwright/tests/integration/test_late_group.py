"""A service that is started after its publishers."""

from pathlib import Path

from fleetwright.events._broker import Receiver
from fleetwright.events._envelope import Message
from fleetwright.events.brokers._embedded import EmbeddedBroker


def message(number: int, topic: str = "orders.placed") -> Message:
    """Return a message; all of them have one key, and so one lane."""
    return Message(f"id-{number}", topic, "one key", {}, b"{}")


async def received(receiver: Receiver, count: int) -> list[str]:
    """Return the ids of the next messages, acknowledged."""
    ids: list[str] = []
    while len(ids) < count:
        deliveries = await receiver.receive(count)
        await receiver.acknowledge(deliveries)
        ids += [delivery.message.id for delivery in deliveries]
    return ids


async def test_late_group_hears_what_was_published_before_it(tmp_path: Path) -> None:
    """What is kept is delivered in order, then what comes; other topics are not."""
    broker = EmbeddedBroker(str(tmp_path / "broker.db"))
    await broker.open()
    await broker.publish([message(1), message(2, "catalog.priced"), message(3)])

    receiver = await broker.subscribe("payments", ["orders.placed"])
    await broker.publish([message(4)])

    assert await received(receiver, 3) == ["id-1", "id-3", "id-4"]
    await receiver.close()
    await broker.close()


async def test_group_that_comes_back_hears_nothing_twice(tmp_path: Path) -> None:
    """A known subscription goes on where it was."""
    broker = EmbeddedBroker(str(tmp_path / "broker.db"))
    await broker.open()
    await broker.publish([message(1)])
    receiver = await broker.subscribe("payments", ["orders.placed"])
    await received(receiver, 1)
    await receiver.close()

    again = await broker.subscribe("payments", ["orders.placed"])
    await broker.publish([message(2)])

    assert await received(again, 1) == ["id-2"]
    await again.close()
    await broker.close()
