"""Mistakes in what a service is and keeps: settings, log, health, database, events."""

import asyncio
from typing import Any

from experiments.replacing import replace


def shows_what_was_typed() -> None:
    """The report of wrong settings shows the whole environment."""
    import os

    from fleetwright.errors import FleetwrightError

    shown = FleetwrightError.__str__

    def told(self: FleetwrightError) -> str:
        values = [value for name, value in os.environ.items() if "BANK" in name]
        return f"{shown(self)} {values} {os.environ.get('CHARGE_SECONDS')}"

    replace(FleetwrightError, "__str__", told)


def starts_all_the_same() -> None:
    """A service that cannot start ends as if it had been asked to."""
    from fleetwright import serve

    replace(serve, "tell", lambda program, error: 0)


def waits_for_the_log() -> None:
    """A line is written by whoever logs it."""
    import os

    from fleetwright._log_writer import LineWriter

    def write(self: LineWriter, line: bytes, *, urgent: bool = False) -> None:
        os.write(1, line)

    replace(LineWriter, "write", write)


def keeps_every_line() -> None:
    """Lines nobody reads are kept for ever."""
    from fleetwright import _log_writer

    replace(_log_writer, "_QUEUE_BYTES", 1 << 40)


def lives_by_the_wall_clock() -> None:
    """Limits are kept by the time of day."""
    import time

    from fleetwright._clock import SystemClock

    replace(SystemClock, "monotonic", lambda self: time.time())


def commits_halves() -> None:
    """A transaction that is cancelled is committed as far as it came."""
    from contextlib import asynccontextmanager

    from sqlalchemy.ext.asyncio import AsyncSession

    from fleetwright.database import AsyncDatabase

    own = AsyncDatabase.transaction

    @asynccontextmanager
    async def transaction(self: AsyncDatabase) -> Any:
        cancelled = None
        async with own(self) as session:
            assert isinstance(session, AsyncSession)
            try:
                yield session
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled

    replace(AsyncDatabase, "transaction", transaction)


def never_lags() -> None:
    """Readiness knows nothing of a loop that stands still."""
    from fleetwright._watchdog import Watchdog

    async def check(self: Watchdog) -> None:
        return

    replace(Watchdog, "check", check)


def never_asks_the_database() -> None:
    """Readiness knows nothing of the database."""
    from fleetwright.database import AsyncDatabase

    async def check(self: AsyncDatabase) -> None:
        return

    replace(AsyncDatabase, "check", check)


def never_looks_again() -> None:
    """Once a part was wrong it is wrong for ever."""
    from fleetwright._health import Health

    report = Health.report

    async def first(self: Health, parts: Any) -> Any:
        last = self._report
        if last is not None and not last.ready:
            return last
        return await report(self, parts)

    replace(Health, "report", first)


def leaves_them_nameless() -> None:
    """What passes by itself is told like a mistake."""
    from fleetwright import _failures

    replace(_failures, "unavailable", lambda error, where: None)


def waits_past_its_deadline() -> None:
    """Who waits for another process waits on when its caller has given up."""
    from fleetwright import _sqlite_async

    replace(_sqlite_async, "patience_ms", lambda how: 15_000)


def says_yes_anyway() -> None:
    """A transaction that could not be kept is answered like one that was."""
    from contextlib import contextmanager, suppress

    from sqlalchemy.exc import DBAPIError

    from fleetwright import _async_database

    @contextmanager
    def in_silence(where: str, *, connecting: bool = False) -> Any:
        with suppress(DBAPIError):
            yield

    replace(_async_database, "in_words", in_silence)


def believes_without_word() -> None:
    """What was written to RabbitMQ counts as kept, without its word for it."""
    from fleetwright.events.brokers import _rabbit_confirms, _rabbit_publisher

    answer = _rabbit_confirms.Answer
    publish = _rabbit_confirms.publish_together
    under_way: set[asyncio.Future[Any]] = set()

    async def written(channel: Any, messages: Any) -> Any:
        task = asyncio.ensure_future(publish(channel, messages))
        under_way.add(task)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.sleep(0)
        return [answer.KEPT] * len(messages)

    replace(_rabbit_publisher, "publish_together", written)


def never_comes_back() -> None:
    """A connection to RabbitMQ that is lost is waited for, not made again."""
    from fleetwright.events.brokers._rabbit_link import Link

    live = Link._live

    async def once(self: Link) -> Exception:
        error = await live(self)
        if "consumer" in self._purpose:
            await asyncio.Event().wait()
        return error

    replace(Link, "_live", once)


ALL = (
    shows_what_was_typed,
    starts_all_the_same,
    waits_for_the_log,
    keeps_every_line,
    lives_by_the_wall_clock,
    commits_halves,
    never_lags,
    never_asks_the_database,
    never_looks_again,
    leaves_them_nameless,
    waits_past_its_deadline,
    says_yes_anyway,
    believes_without_word,
    never_comes_back,
)
