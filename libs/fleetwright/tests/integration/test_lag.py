"""How far behind a group is, as its gauges say it, on a real Kafka."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from opentelemetry.metrics import CallbackOptions
from structlog.testing import capture_logs

from fleetwright.database import AsyncDatabase
from fleetwright.events import Event, Retention, _metrics, _upkeep, connect
from fleetwright.events._envelope import encode
from fleetwright.events._tables import CONSUMER_TABLES, ensure
from fleetwright.events._upkeep import Memory
from fleetwright.events._watch import GroupWatch

TOPIC = f"lag.{uuid4().hex[:8].translate(str.maketrans('0123456789', 'ghijklmnop'))}"


class Sold(Event, topic=TOPIC):
    """Something was sold."""

    till: str


async def test_a_topic_that_remembers_longer_than_the_inbox_is_told(
    kafka_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka is asked as soon as it is there, each topic once."""
    topic = f"kept.{uuid4().hex[:8]}"
    broker = connect(kafka_url)
    memory = Memory("tills", [topic], Retention(inbox_seconds=60.0), broker)
    await memory.look()  # it is not there yet: no failure, nothing told
    monkeypatch.setattr(_upkeep, "_ASK_AGAIN_SECONDS", 0.0)
    await broker.open()
    receiver = await broker.subscribe(f"g-{topic}", [topic])
    try:
        async with asyncio.timeout(60):
            while not receiver.lanes:  # noqa: ASYNC110 - the group is being made
                await asyncio.sleep(0.05)
        with capture_logs() as logs:
            for _ in range(3):
                await memory.look()
    finally:
        await receiver.close()
        await broker.close()

    told = [one for one in logs if one["event"] == "inbox.forgets_first"]
    assert [one["topics"] for one in told] == [[topic]]


async def test_lag_on_kafka_is_what_the_group_has_not_done(
    kafka_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three were published and none acknowledged: the gauge says three."""
    monkeypatch.setattr(_metrics, "FRESH_SECONDS", 0.0)
    group = f"g-{uuid4().hex[:8]}"
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/tills.db")
    await ensure(database, CONSUMER_TABLES)
    broker = connect(kafka_url)
    await broker.open()
    receiver = await broker.subscribe(group, [TOPIC])
    watch = GroupWatch(database, broker, group, [TOPIC])
    observe = _metrics._counts_of("fleetwright.events.lag")
    messages = [encode(Sold(till=str(n)), source="shop") for n in range(3)]
    try:
        async with asyncio.timeout(60):
            while not receiver.lanes:  # noqa: ASYNC110 - the group is being made
                await asyncio.sleep(0.05)
            assert await broker.publish(messages) == {}
            found: list[int] = []
            while found != [3]:
                await watch.look()
                found = [
                    int(one.value)
                    for one in observe(CallbackOptions())
                    if one.attributes == {"group": group, "topic": TOPIC}
                ]
                await asyncio.sleep(0.05)
    finally:
        await receiver.close()
        await broker.close()
        await database.close()
