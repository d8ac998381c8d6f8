"""Why there is no Kafka: in the system's words, where librdkafka has none."""

import asyncio
import gc
import socket
from collections.abc import Iterator

import pytest

from fleetwright.events.brokers._kafka import KafkaBroker
from fleetwright.events.brokers._kafka_link import _with_cause
from fleetwright.events.brokers._kafka_url import parse


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """Return a port that takes connections and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def url_of(listening: socket.socket) -> str:
    """Return the URL of a Kafka at a port."""
    return f"kafka://127.0.0.1:{listening.getsockname()[1]}"


async def test_a_port_nobody_listens_at_is_told(listening: socket.socket) -> None:
    """Whoever reads it knows that the broker is not running."""
    address = parse(url_of(listening))
    listening.close()
    assert await _with_cause("it is down", address) == "it is down: Connection refused"


async def test_a_server_that_is_just_dying_is_tried_again(
    listening: socket.socket,
) -> None:
    """It took a connection and dropped it: the next one is refused."""

    def die() -> None:
        taken, _ = listening.accept()
        listening.close()
        taken.close()

    address = parse(url_of(listening))
    dying = asyncio.create_task(asyncio.to_thread(die))
    assert await _with_cause("it is down", address) == "it is down: Connection refused"
    await dying


async def test_a_server_that_says_nothing_is_told(listening: socket.socket) -> None:
    """It takes connections: whoever reads it knows that it is there, and stuck."""
    told = await _with_cause("it is down", parse(url_of(listening)))
    assert told == "it is down: no answer"


async def test_question_that_is_asked_when_it_ends_is_not_left_unread() -> None:
    """Closed before Kafka has answered, nothing is complained of afterwards."""
    complaints: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, told: complaints.append(told["message"]))
    broker = KafkaBroker("kafka://127.0.0.1:1")
    await broker.open()
    await asyncio.sleep(0)  # the question is put

    await broker.close()
    del broker
    gc.collect()  # the client goes, and gives an answer to what was asked
    for _ in range(3):
        await asyncio.sleep(0)
    gc.collect()

    assert complaints == []
