"""What the brokers promise that need no server: memory, and a file."""

import asyncio
from pathlib import Path

import pytest
from shop_and_bank import Placed, Released

from fleetwright.errors import FleetwrightError
from fleetwright.events import (
    Broker,
    connect,
)
from fleetwright.events._broker import Receiver
from fleetwright.events._envelope import encode
from fleetwright.events.brokers._embedded import EmbeddedBroker
from fleetwright.events.brokers._embedded_file import EmbeddedFile


@pytest.fixture(params=["memory", "embedded"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Broker:
    """Return each broker in turn."""
    return connect(
        "memory://" if request.param == "memory" else f"embedded:///{tmp_path}/b.db"
    )


async def test_a_message_published_twice_is_delivered_once(broker: Broker) -> None:
    """The broker knows ids; a relay that died before its delete does no harm."""
    await broker.open()
    receiver = await broker.subscribe("bank", ["orders.placed"])
    message = encode(Placed(order_id="a", n=1), source="shop")

    await broker.publish([message])
    await broker.publish([message])

    assert len(await receiver.receive(10)) == 1
    await receiver.close()
    await broker.close()


async def test_what_is_not_acknowledged_comes_again(broker: Broker) -> None:
    """A receiver that dies has lost nothing for its group."""
    await broker.open()
    dying = await broker.subscribe("bank", ["orders.placed"])
    await broker.publish([encode(Placed(order_id="a", n=1), source="shop")])
    first = await dying.receive(10)
    await dying.close()

    heir = await broker.subscribe("bank", ["orders.placed"])
    again = await heir.receive(10)
    await heir.acknowledge(again)
    await heir.close()
    await broker.close()

    assert [one.message.id for one in first] == [one.message.id for one in again]
    assert again[0].epoch > first[0].epoch


async def test_two_members_share_the_lanes(tmp_path: Path) -> None:
    """A member that joins gets its half at once, one that leaves gives it back."""
    broker = EmbeddedBroker(f"{tmp_path}/b.db")
    await broker.open()
    one = await broker.subscribe("bank", ["orders.placed"])
    waiting = asyncio.create_task(one.receive(10))
    two = await broker.subscribe("bank", ["orders.placed"])
    await lanes(one, 8)
    await lanes(two, 8)

    await two.close()
    await lanes(one, 16)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await one.close()
    await broker.close()


async def lanes(receiver: Receiver, count: int) -> None:
    """Wait until a receiver owns that many lanes."""
    async with asyncio.timeout(60):
        while len(receiver.lanes) != count:  # noqa: ASYNC110 - another task changes it
            await asyncio.sleep(0.01)


def test_old_messages_are_forgotten_unless_somebody_waits(tmp_path: Path) -> None:
    """Retention is bounded by age and number, never against a pending delivery."""
    file = EmbeddedFile(f"{tmp_path}/b.db")
    file.subscribe("bank", ["orders.placed"])
    file.publish([encode(Placed(order_id="a", n=1), source="shop")])
    file.publish([encode(Released(order_id="a", n=2), source="shop")])

    assert file.purge(keep_seconds=0, keep_messages=0) == 1
    owned, _, _ = file.tend("bank", "me", may_release=True)
    assert len(file.read("bank", owned, 10)) == 1
    file.close()


async def test_a_broker_that_is_not_open_is_told(tmp_path: Path) -> None:
    """The mend says what to add to the service."""
    broker = EmbeddedBroker(f"{tmp_path}/b.db")

    with pytest.raises(FleetwrightError, match="not open"):
        await broker.check()
    await broker.close()


async def test_a_missing_folder_stops_the_broker_with_a_mend(tmp_path: Path) -> None:
    """A wrong BROKER_URL is one error of three parts."""
    broker = EmbeddedBroker(f"{tmp_path}/no/b.db")

    with pytest.raises(FleetwrightError, match="mkdir -p"):
        await broker.open()
