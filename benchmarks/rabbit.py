"""How fast one process publishes to and hears from a RabbitMQ, and at what CPU.

    eval "$(scripts/infra up rabbit)"
    venv/bin/python benchmarks/rabbit.py [--url amqp://...] [--messages N]

Four figures of one run: keys that differ, one key only (each message waits for the one
before), the same through the client library's own `basic_publish`, and hearing.
"""

import argparse
import asyncio
import os
import resource
import time
from collections.abc import Awaitable, Callable

from fleetwright.events._envelope import Message, new_id
from fleetwright.events.brokers import _rabbit_publisher
from fleetwright.events.brokers._rabbit import RabbitBroker
from fleetwright.events.brokers._rabbit_confirms import Answer
from fleetwright.events.brokers._rabbit_topology import EXCHANGE, routing_key
from fleetwright.events.brokers._rabbit_wire import properties_of

BATCH = 128  # as the outbox reads them
_BODY = b"x" * 300


def _message(topic: str, key: str) -> Message:
    id = new_id()
    headers = {
        "specversion": "1.0",
        "id": id,
        "source": "/orders",
        "type": topic,
        "time": "2026-01-02T03:04:05.678901+00:00",
        "datacontenttype": "application/json",
        "subject": key,
        "partitionkey": key,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    return Message(id, topic, key, headers, _BODY)


async def _one_by_one(channel: object, messages: list[Message]) -> list[Answer]:
    """Do what the library offers for each message."""
    publish = channel.basic_publish  # type: ignore[attr-defined]
    sending = [
        publish(
            one.body,
            exchange=EXCHANGE,
            routing_key=routing_key(one.topic, one.lane),
            properties=properties_of(one),
            mandatory=True,
            wait=False,
        )
        for one in messages
    ]
    await asyncio.gather(*sending)
    return [Answer.KEPT] * len(messages)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _measure(name: str, count: int, work: Callable[[], Awaitable[None]]) -> None:
    began, cpu = time.perf_counter(), _cpu_seconds()
    await work()
    seconds, used = time.perf_counter() - began, _cpu_seconds() - cpu
    print(f"{name:<34}{count / seconds:>8.0f}/s{used / count * 1e6:>8.0f} us CPU each")


async def _run(url: str, count: int) -> None:
    broker, topic = RabbitBroker(url), f"rates.t{time.time_ns()}"
    await broker.open()
    receiver = await broker.subscribe(f"rates-{time.time_ns()}", [topic])

    async def publish(one_key: bool, count: int) -> None:
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            keys = ["one" if one_key else f"key-{number}" for number in numbers]
            assert not await broker.publish([_message(topic, key) for key in keys])

    async def hear() -> None:
        heard = 0
        while heard < 2 * count + count // 16:
            deliveries = await receiver.receive(BATCH)
            heard += len(deliveries)
            await receiver.acknowledge(deliveries)

    await _measure("published, keys that differ", count, lambda: publish(False, count))
    few = count // 16
    await _measure("published, one key", few, lambda: publish(True, few))
    names = vars(_rabbit_publisher)
    together, names["publish_together"] = names["publish_together"], _one_by_one
    await _measure("published, the library's way", count, lambda: publish(False, count))
    names["publish_together"] = together
    await _measure("heard and acknowledged", 2 * count + few, hear)
    await broker.close()


def main() -> None:
    """Measure against the RabbitMQ that is given."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    default = os.environ.get("TEST_RABBIT_URL", "amqp://guest:guest@127.0.0.1/")
    parser.add_argument("--url", default=default)
    parser.add_argument("--messages", type=int, default=8192)
    asked = parser.parse_args()
    asyncio.run(_run(asked.url, asked.messages))


if __name__ == "__main__":
    main()
