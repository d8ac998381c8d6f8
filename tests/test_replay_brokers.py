"""What is still with a broker is counted, whether a consumer has it in hand or not."""

import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aio_pika
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from shop_replay.brokers import UNHEARD, waiting
from shop_replay.databases import RecordsError

COUNTED_SECONDS = 30.0  # RabbitMQ counts every few seconds


def until(expected: int, broker: str) -> None:
    """Wait until so many are counted."""
    end = time.monotonic() + COUNTED_SECONDS
    while (found := waiting(broker)) != expected:
        assert time.monotonic() < end, f"{found} counted, not {expected}"
        time.sleep(0.2)


async def test_rabbit_holds_what_is_not_acknowledged(
    rabbit_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages in the queue and in hand; not those that nobody subscribes to."""
    parts = urlsplit(rabbit_url)
    beside = f"http://{parts.hostname}:{(parts.port or 5672) + 10_000}"
    api = os.environ.get("TEST_RABBIT_API_URL") or beside
    monkeypatch.setenv("RABBIT_API_URL", api)
    async with await aio_pika.connect(rabbit_url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("group.0", durable=True)
        await channel.declare_queue(f"{UNHEARD}.topic", durable=True)
        for name in ("group.0", "group.0", "group.0", f"{UNHEARD}.topic"):
            message = aio_pika.Message(b"event")
            await channel.default_exchange.publish(message, name)
        in_hand: Any = await queue.get()
        until(3, rabbit_url)
        await in_hand.ack()
        await queue.purge()
        until(0, rabbit_url)


def test_kafka_holds_what_no_group_has_committed(own_kafka: Any) -> None:
    """The lag of every group, partitions it has never committed included."""
    servers = {"bootstrap.servers": urlsplit(own_kafka.url).netloc}
    admin = AdminClient(servers)
    [made] = admin.create_topics([NewTopic("orders.placed", 2, 1)]).values()
    made.result()
    producer = Producer(servers)
    for partition in (0, 0, 0, 1, 1):
        producer.produce("orders.placed", b"event", partition=partition)
    assert producer.flush(30) == 0
    assert waiting(own_kafka.url) == 0  # nobody has heard of it yet

    group = Consumer({**servers, "group.id": "stock"})

    def commit(partition: int, offset: int) -> None:
        place = TopicPartition("orders.placed", partition, offset)
        group.commit(offsets=[place], asynchronous=False)

    commit(0, 1)
    until(4, own_kafka.url)
    commit(0, 3)
    commit(1, 2)
    until(0, own_kafka.url)
    group.close()


@pytest.mark.parametrize("scheme", ["amqp", "kafka"])
def test_a_broker_that_cannot_be_asked_is_named(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the password, and in words."""
    monkeypatch.setenv("RABBIT_API_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("shop_replay.brokers.ASK_SECONDS", 0.5)

    with pytest.raises(RecordsError, match="cannot be asked") as caught:
        waiting(f"{scheme}://me:secret@127.0.0.1:1/")

    assert "secret" not in str(caught.value)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """The embedded broker's."""
    with pytest.raises(RecordsError, match=r"broker\.db"):
        waiting(tmp_path / "broker.db")
