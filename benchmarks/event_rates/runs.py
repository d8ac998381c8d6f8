"""One run: places made, processes started, every event accounted for."""

import asyncio
import statistics
from contextlib import ExitStack
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from event_rates.job import STALLED_SECONDS, Job
from event_rates.places import placed
from event_rates.processes import Broken, Player


@dataclass(frozen=True, slots=True)
class Rates:
    """What one run came to.

    Attributes:
        per_second: Events a second, from the first transaction to the last effect.
        p50_ms: Median of the time from a transaction's begin to its effect; None where
            only publishing is measured.
        p99_ms: Of a hundred events, ninety-nine are quicker.
        cpu_us: Processor time of our processes, not the servers', for one event.
        heard_cpu_us: The part of it that the consuming process took.
        produced_per_second: How fast the transactions of the producer went; None
            where only publishing is measured.
    """

    per_second: float
    p50_ms: float | None
    p99_ms: float | None
    cpu_us: float
    heard_cpu_us: float | None
    produced_per_second: float | None


def end_to_end(way: str, job: Job, postgres: str) -> Rates:
    """Run a producer and a consumer against each other.

    Args:
        way: The module that plays the roles.
        job: What is asked; its places are made here.
        postgres: Where databases are made; empty for SQLite files.

    Returns:
        The rates.

    Raises:
        Broken: An event was lost, doubled or out of order, or a process failed.
    """
    with ExitStack() as stack:
        job = placed(stack, job, postgres, databases=way != "plain")
        consumer = Player(stack, way, job, "consume")
        producer = Player(stack, way, job, "produce")
        producer.begin()
        made, heard = producer.report(), consumer.report()
        if len(heard["waits"]) != job.count:
            raise Broken(
                f"{way}: {len(heard['waits'])} effects of {job.count} events, and none "
                f"more in {STALLED_SECONDS:g} s{producer.said()}{consumer.said()}"
            )
        if way != "plain":
            asyncio.run(audited(way, job))
        waits = sorted(1000 * wait for wait in heard["waits"])
        cpu = made["cpu_seconds"] + heard["cpu_seconds"]
        return Rates(
            per_second=job.count / (heard["last"] - made["first"]),
            p50_ms=statistics.median(waits),
            p99_ms=waits[int(len(waits) * 0.99)],
            cpu_us=1e6 * cpu / job.count,
            heard_cpu_us=1e6 * heard["cpu_seconds"] / job.count,
            produced_per_second=job.count / (made["last"] - made["first"]),
        )


def publishing(way: str, job: Job, postgres: str) -> Rates:
    """Run the publishing alone: the relay of rows that are there, or bare publishing.

    Args:
        way: The module that plays the role.
        job: What is asked.
        postgres: Where a database is made; empty for a SQLite file.

    Returns:
        The rates, without waits.

    Raises:
        Broken: The process failed.
    """
    with ExitStack() as stack:
        job = placed(stack, job, postgres, databases=way != "plain")
        player = Player(stack, way, job, "relay")
        player.begin()
        report = player.report()
        return Rates(
            per_second=job.count / (report["last"] - report["first"]),
            p50_ms=None,
            p99_ms=None,
            cpu_us=1e6 * report["cpu_seconds"] / job.count,
            heard_cpu_us=None,
            produced_per_second=None,
        )


_EFFECTS = text("select count(*), count(distinct number) from effect")
_OVERTAKEN = text(
    "select count(*) from (select number, lag(number) over "
    "(partition by customer order by id) as before from effect) as effects "
    "where before > number"
)


async def audited(way: str, job: Job) -> None:
    """Ask the database: the processes may say what they like.

    Args:
        way: Whose effects they are.
        job: Where they are, and how many there should be.

    Raises:
        Broken: There are more or fewer, or some came too early.
    """
    engine = create_async_engine(job.consuming)
    async with engine.connect() as connection:
        every, distinct = (await connection.execute(_EFFECTS)).one()
        overtaken = (await connection.execute(_OVERTAKEN)).scalar_one()
    await engine.dispose()
    if (every, distinct) != (job.count, job.count):
        raise Broken(
            f"{way}: {job.count} events, {distinct} of them with an effect, "
            f"{every} effects"
        )
    if job.is_ordered and overtaken:
        raise Broken(f"{way}: {overtaken} effects came before an earlier one's")
