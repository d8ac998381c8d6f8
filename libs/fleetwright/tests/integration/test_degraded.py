"""A broker that is down, goes away or refuses: the service goes on, loses nothing."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from confluent_kafka import admin
from desk import desk
from rabbit_api import Administrator
from rabbit_node import control
from servers import OwnServer

AWAY_SECONDS = float(os.environ.get("DEGRADED_AWAY_SECONDS", "3"))
MEMORY = "set_vm_memory_high_watermark"
LOCK = """
import signal, sys
from pysqlite3 import dbapi2
connection = dbapi2.connect(sys.argv[1], isolation_level=None)
connection.execute("begin immediate")
print("held", flush=True)
signal.pause()
"""


@pytest.fixture(params=["rabbit", "kafka"])
def broker(request: pytest.FixtureRequest) -> OwnServer:
    """Give a broker the test may kill."""
    server: OwnServer = request.getfixturevalue(f"own_{request.param}")
    return server


async def test_broker_that_is_down_at_the_start_is_waited_for(
    broker: OwnServer, tmp_path: Path
) -> None:
    """The service starts, takes orders and says what it lacks; then they are heard."""
    await asyncio.to_thread(broker.kill)
    async with desk(tmp_path, broker.url) as running:
        told = await running.degraded("Broker")
        for _ in range(20):
            await running.place()
        await running.degraded("events wait in the outbox")
        await asyncio.to_thread(broker.start)
        await running.well()
        counts = await running.all_heard()
        live = (await running.http.get("/livez")).status_code

        assert (told["ready"], live) == (True, 200)
        assert counts == running.once()
        assert (len(running.placed), running.refused) == (20, [])


async def test_broker_that_goes_away_under_load_costs_nothing(
    broker: OwnServer, tmp_path: Path
) -> None:
    """Killed and started again: no order refused or lost, none heard twice."""
    async with desk(tmp_path, broker.url) as running:
        await running.well()
        async with running.busy():
            await running.all_heard()
            await asyncio.to_thread(broker.kill)
            told = await running.degraded("Broker")
            await asyncio.sleep(AWAY_SECONDS)  # it stays away: nothing to wait for
            await asyncio.to_thread(broker.start)
            await running.well()
        began = time.monotonic()
        counts = await running.all_heard()
        seconds = round(time.monotonic() - began, 1)
        sys.stdout.write(f"{counts}, all heard {seconds} s after it was back\n")
        await running.well()

        assert told["ready"]
        assert counts == running.once()
        assert running.refused == []
        assert set(running.live) == {200}
        changes = running.changes()
        assert "service.degraded" in changes
        assert changes[-1] == "service.recovered"


async def test_rabbit_queue_that_is_full_is_waited_for(
    own_rabbit: OwnServer, tmp_path: Path
) -> None:
    """Refused by quota for longer than ten tries: nothing is given up."""
    administrator = Administrator(own_rabbit.url)
    async with desk(tmp_path, own_rabbit.url) as running:
        await running.well()
        await running.place()
        await running.all_heard()
        other = "other-group"  # whose queue is full, because it does not hear
        administrator.declare_queue(other, x_max_length=1, x_overflow="reject-publish")
        for lane in range(16):
            administrator.bind("fleet.events", other, f"{running.topic}.{lane}")
        for _ in range(20):
            await running.place()
        told = await running.degraded("is full")
        await asyncio.sleep(7)  # more than ten tries
        administrator.delete_queue(other)
        await running.well()
        counts = await running.all_heard()

        assert told["parts"]["RabbitBroker"] == "ok"
        assert counts == running.once()


async def test_rabbit_whose_memory_is_full_is_waited_for(
    own_rabbit: OwnServer, tmp_path: Path
) -> None:
    """An alarm blocks who publishes: the service goes on, and says that it is one."""
    async with desk(tmp_path, own_rabbit.url) as running:
        await running.well()
        await running.place()
        await running.all_heard()
        await asyncio.to_thread(control, own_rabbit, MEMORY, "0.00001")
        try:
            for _ in range(20):
                assert await running.place() == 201
            told = await running.degraded("alarm")
        finally:
            await asyncio.to_thread(control, own_rabbit, MEMORY, "0.4")
        await running.well()
        counts = await running.all_heard()

        assert told["ready"]
        assert counts == running.once()


async def test_kafka_that_takes_nothing_is_waited_for(
    own_kafka: OwnServer, tmp_path: Path
) -> None:
    """Refused by the topic for longer than ten tries: nothing is given up."""
    async with desk(tmp_path, own_kafka.url) as running:
        await running.well()
        await running.place()
        await running.all_heard()
        await asyncio.to_thread(set_topic, own_kafka, running.topic, "60")
        for _ in range(20):
            await running.place()
        told = await running.degraded("too large")
        await asyncio.sleep(7)  # more than ten tries
        await asyncio.to_thread(set_topic, own_kafka, running.topic, "1048576")
        await running.well()
        counts = await running.all_heard()

        assert told["ready"]
        assert counts == running.once()


def set_topic(server: OwnServer, topic: str, most_bytes: str) -> None:
    """Set how long a message of a topic may be."""
    words: Any = admin  # its types do not export what it documents
    client = words.AdminClient({"bootstrap.servers": urlsplit(server.url).netloc})
    entry = words.ConfigEntry(
        "max.message.bytes",
        most_bytes,
        incremental_operation=words.AlterConfigOpType.SET,
    )
    resource = words.ConfigResource(
        words.ResourceType.TOPIC, topic, incremental_configs=[entry]
    )
    for done in client.incremental_alter_configs([resource]).values():
        done.result(60)


async def test_as_many_events_wait_as_may_and_no_more(
    own_rabbit: OwnServer, tmp_path: Path
) -> None:
    """From then on who would publish is told when to come again; nothing is lost."""
    await asyncio.to_thread(own_rabbit.kill)
    async with desk(tmp_path, own_rabbit.url, MOST_WAITING="30") as running:
        async with asyncio.timeout(60):
            while not running.refused:
                await running.place()
                await asyncio.sleep(0.05)
        refused = running.refused[0]
        await asyncio.to_thread(own_rabbit.start)
        await running.well()
        counts = await running.all_heard()

        assert len(running.placed) >= 30
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert counts == running.once()
        assert await running.place() == 201


async def test_file_that_cannot_be_written_is_waited_for(tmp_path: Path) -> None:
    """Another process keeps the embedded broker's file locked: the same promise."""
    folder = tmp_path / "broker"
    folder.mkdir()
    async with desk(tmp_path, f"embedded:///{folder}/broker.db") as running:
        await running.well()
        await running.place()
        await running.all_heard()
        with locked(folder / "broker.db"):
            for _ in range(10):
                assert await running.place() == 201
            told = await running.degraded("Broker", 30)
        await running.well()
        counts = await running.all_heard()

        assert told["ready"]
        assert counts == running.once()


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Have another process keep a file of SQLite locked inside the block."""
    command = (sys.executable, "-c", LOCK, str(file))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "held"
        try:
            yield
        finally:
            holder.kill()
