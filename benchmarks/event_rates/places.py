"""Where a run takes place: a topic and databases that are new, and gone after it."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from uuid import uuid4

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from event_rates.job import Job

LANES = 16  # partitions of a topic, and queues of a group


def placed(stack: ExitStack, job: Job, postgres: str, *, databases: bool) -> Job:
    """Return the job with the places it was given.

    Args:
        stack: Takes them away.
        job: What is asked.
        postgres: Where databases are made; empty for SQLite files.
        databases: Whether there are any.
    """
    topic = f"rates.r{uuid4().hex[:12]}"
    if job.broker.startswith("kafka"):
        stack.enter_context(_kafka_topic(job.broker, topic))
    if job.broker.startswith("amqp"):
        stack.callback(asyncio.run, _without_queues(job.broker, topic))
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rates-"))
    urls = ["", ""]
    if databases and postgres:
        urls = [stack.enter_context(_database(postgres)) for _ in urls]
    elif databases:
        names = ("producing", "consuming")
        urls = [f"sqlite+aiosqlite:///{folder}/{name}.db" for name in names]
    return replace(
        job,
        broker=job.broker or f"embedded:///{folder}/broker.db",
        topic=topic,
        producing=urls[0],
        consuming=urls[1],
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


@contextmanager
def _kafka_topic(url: str, topic: str) -> Iterator[None]:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    servers = url.removeprefix("kafka://").partition("?")[0]
    admin = AdminClient({"bootstrap.servers": servers})
    for done in admin.create_topics([NewTopic(topic, LANES, 1)]).values():
        try:
            done.result()
        except KafkaException as error:
            raise OSError(f"{servers}: {error}") from error
    try:
        yield
    finally:
        for done in admin.delete_topics([topic]).values():
            done.result()


async def _without_queues(url: str, topic: str) -> None:
    """Delete what a run left in RabbitMQ: queues that stand idle slow the next run."""
    import aiormq

    connection = await aiormq.connect(url)
    channel = await connection.channel()
    group, unheard = f"{topic}.g", f"fleet.unheard.{topic}"
    for queue in (
        *(f"{topic}.{lane}" for lane in range(LANES)),
        *(f"{group}.{lane}" for lane in range(LANES)),
        f"{group}.dead",
        f"{group}.members",
        unheard,
    ):
        await channel.queue_delete(queue)
    await channel.exchange_delete(f"{group}.dead")
    await connection.close()
