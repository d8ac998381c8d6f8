"""One run: databases made, processes started, every event accounted for."""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from event_rates.job import Job

LONGEST_SECONDS = 240.0
PARTITIONS = 16


class Broken(Exception):  # noqa: N818 - what a run is
    """A run whose figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What one run came to.

    Attributes:
        per_second: Events a second, from the first transaction to the last effect.
        p50_ms: Median of the time from a transaction's begin to its effect.
        p99_ms: Of a hundred events, ninety-nine are quicker.
        cpu_us: Processor time of all processes for one event.
    """

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


def end_to_end(way: str, job: Job, postgres: str) -> Rates:
    """Run producers and a consumer against each other.

    Args:
        way: The module that plays the roles.
        job: What is asked; its databases and topic are made here.
        postgres: Where databases are made; empty for SQLite files.

    Returns:
        The rates.

    Raises:
        Broken: An event was lost or doubled, or a process failed.
    """
    with ExitStack() as stack:
        job = _placed(stack, way, job, postgres)
        consumer = _start(stack, way, replace(job, role="consume"))
        producer = _start(stack, way, replace(job, role="produce"))
        _begin(producer)
        made, heard = _report(producer), _report(consumer)
        if way != "plain":
            _counted(job)
        if len(heard["waits"]) != job.count:
            raise Broken(f"{way}: {len(heard['waits'])} effects of {job.count} events")
        waits = sorted(1000 * wait for wait in heard["waits"])
        cpu = made["cpu_seconds"] + heard["cpu_seconds"]
        return Rates(
            job.count / (heard["last"] - made["first"]),
            statistics.median(waits),
            waits[int(len(waits) * 0.99)],
            1e6 * cpu / job.count,
        )


def publishing(way: str, job: Job, postgres: str) -> Rates:
    """Run the publishing alone: the relay of rows that are there, or bare publishing.

    Args:
        way: The module that plays the role.
        job: What is asked.
        postgres: Where a database is made; empty for a SQLite file.

    Returns:
        The rates, without waits.
    """
    with ExitStack() as stack:
        job = _placed(stack, way, replace(job, role="relay"), postgres)
        process = _start(stack, way, job)
        _begin(process)
        report = _report(process)
        seconds = report["last"] - report["first"]
        cpu = 1e6 * report["cpu_seconds"] / job.count
        return Rates(job.count / seconds, 0.0, 0.0, cpu)


def _placed(stack: ExitStack, way: str, job: Job, postgres: str) -> Job:
    topic = f"rates.r{uuid4().hex[:12]}"
    if job.broker.startswith("kafka"):
        stack.enter_context(_kafka_topic(job.broker, topic))
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rates-"))
    broker = job.broker or f"embedded:///{folder}/broker.db"
    urls = [""] * 2
    if way != "plain":
        for place, name in enumerate(("producing", "consuming")):
            urls[place] = f"sqlite+aiosqlite:///{folder}/{name}.db"
            if postgres:
                urls[place] = stack.enter_context(_database(postgres))
    return replace(
        job, broker=broker, topic=topic, producing=urls[0], consuming=urls[1]
    )


@contextmanager
def _database(server: str) -> Iterator[str]:
    name = f"rates_{uuid4().hex[:12]}"
    asyncio.run(_told(server, f"create database {name}"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        asyncio.run(_told(server, f"drop database {name} with (force)"))


async def _told(server: str, statement: str) -> None:
    engine = create_async_engine(server, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


def _counted(job: Job) -> None:
    """Count the effects in the database: the processes may say what they like."""

    async def ask() -> tuple[int, int]:
        engine = create_async_engine(job.consuming)
        async with engine.connect() as connection:
            row = await connection.execute(
                text("select count(*), count(distinct number) from effect")
            )
            every, distinct = row.one()
        await engine.dispose()
        return every, distinct

    every, distinct = asyncio.run(ask())
    if (every, distinct) != (job.count, job.count):
        raise Broken(
            f"{job.count} events, {distinct} of them with an effect, {every} effects"
        )


@contextmanager
def _kafka_topic(url: str, topic: str) -> Iterator[None]:
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    servers = url.removeprefix("kafka://").partition("?")[0]
    admin = AdminClient({"bootstrap.servers": servers})
    for done in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
        done.result()
    try:
        yield
    finally:
        for done in admin.delete_topics([topic]).values():
            done.result()


def _start(stack: ExitStack, way: str, job: Job) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-m", f"event_rates.{way}", job.text()],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    stack.callback(_end, process)
    line = _line(process)
    if line != "ready\n":
        raise Broken(f"{way} {job.role} did not begin: {line!r}")
    return process


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _begin(process: "subprocess.Popen[str]") -> None:
    if process.stdin is not None:
        process.stdin.write("begin\n")
        process.stdin.flush()


def _line(process: "subprocess.Popen[str]") -> str:
    import selectors

    if process.stdout is None:
        raise Broken("a process without an output")
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        ends = time.monotonic() + LONGEST_SECONDS
        if not waiting.select(ends - time.monotonic()):
            raise Broken(f"nothing came of {process.args!r} in {LONGEST_SECONDS:g} s")
    return process.stdout.readline()


def _report(process: "subprocess.Popen[str]") -> dict[str, Any]:
    while line := _line(process):
        report: dict[str, Any] = json.loads(line)
        if "cpu_seconds" in report:
            return report
        sys.stderr.write(line)  # a warning in the log of the runtime
    raise Broken(f"a process ended without a report: {process.args!r}")
