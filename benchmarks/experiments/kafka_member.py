"""python -m experiments.kafka_member URL TOPIC DATABASE [MUTANT]: a hearer of a group.

Writes one row for each event it reacts to, and a line now and then of how often its
deliveries came to what. Leaves the group when it is told to stop; dies at the next
acknowledgement on SIGUSR1.
"""

import asyncio
import json
import logging
import signal
import sys
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import _crash
from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, Event, Subscriptions, connect
from tortured import mistakes

COMMITS_AHEAD = "commits-ahead"
GROUP = "hearers"
DIE = signal.SIGUSR1
_REACTION_SECONDS = 0.004
_REPORT_SECONDS = 0.3
_MAKE = (
    "create table if not exists effect"
    "(i integer primary key autoincrement, key text not null, n integer not null)"
)
_keep = text("insert into effect(key, n) values (:key, :n)")


def counted(topic: str) -> type[Event]:
    """Return the event of a topic: the n-th of its key.

    Args:
        topic: Nobody else's.
    """

    class Counted(Event, topic=topic):
        key: str
        n: int

    return Counted


def put_in(mutant: str) -> None:
    """Put a mistake into the code of this process.

    Args:
        mutant: Its name.
    """
    if mutant != COMMITS_AHEAD:
        mistakes.put_in(mutant)
        return
    from fleetwright.events.brokers._kafka_hand import _Lane

    lane: Any = _Lane
    own = lane.forget_done

    def forget_done(self: Any) -> None:
        """Take what was received for done."""
        own(self)
        if self.waiting:
            self.next_offset = self.waiting[-1].position + 1

    lane.forget_done = forget_done


async def _make(database: AsyncDatabase) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(text(_MAKE))


async def _hear(url: str, topic: str, file: str) -> None:
    database, broker = AsyncDatabase(f"sqlite+aiosqlite:///{file}"), connect(url)
    subscriptions = Subscriptions()

    @subscriptions.on(counted(topic))
    async def keep(event: Any, transaction: AsyncSession) -> None:
        await transaction.execute(_keep, {"key": event.key, "n": event.n})
        await asyncio.sleep(_REACTION_SECONDS)

    consumer = Consumer(database, broker, subscriptions, group=GROUP)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(DIE, _crash.plan, "consumer.before_ack@1")
    await database.open()
    await _make(database)
    await consumer.open()
    while not stopped.is_set():
        print(json.dumps(await consumer.facts()), flush=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(_REPORT_SECONDS):
                await stopped.wait()
    await consumer.drain()
    print(json.dumps(await consumer.facts()), flush=True)
    await consumer.close()
    await broker.close()
    await database.close()


def main() -> None:
    """Hear what the command line names."""
    url, topic, file, *mutant = sys.argv[1:]
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    if mutant:
        put_in(mutant[0])
    asyncio.run(_hear(url, topic, file))


if __name__ == "__main__":
    main()
