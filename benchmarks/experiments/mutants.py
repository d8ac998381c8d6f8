"""Mistakes that are put into our own code, to see an experiment notice them."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any


def put_in(name: str) -> None:
    """Put a mistake into the code of this process.

    Args:
        name: One of this module's mistakes; several are joined by `+`.
    """
    for one in name.split("+"):
        _MISTAKES[one]()


def is_ours(name: str) -> bool:
    """Return whether a mistake is one of this module; an experiment may bring its own.

    Args:
        name: The name of a mistake, or several joined by `+`.
    """
    return all(one in _MISTAKES for one in name.split("+"))


def _replace(owner: Any, name: str, mistake: Any) -> None:
    """Put a mistake in the place of a part of our code."""
    assert hasattr(owner, name), f"{owner} has no {name} any more: mend the mutant"
    setattr(owner, name, mistake)


def leaks_the_exchange() -> None:
    """A call whose time is over leaves its connection open."""
    from fleetwright._transport import AiohttpTransport

    exchange = AiohttpTransport.exchange
    kept: set[asyncio.Future[Any]] = set()

    async def shielded(self: AiohttpTransport, request: Any) -> Any:
        work = asyncio.ensure_future(exchange(self, request))
        kept.add(work)
        return await asyncio.shield(work)

    _replace(AiohttpTransport, "exchange", shielded)


def ends_late() -> None:
    """The limit of the whole call starts anew with each attempt."""
    from fleetwright.resilience import Pipeline

    start = Pipeline._start

    def later(self: Pipeline, now: float) -> float | None:
        end = start(self, now)
        return None if end is None else end + 0.5

    _replace(Pipeline, "_start", later)


def keeps_cut_bodies() -> None:
    """An answer that was cut is taken as far as it came."""
    import aiohttp

    from fleetwright._transport import AiohttpTransport

    async def read(self: AiohttpTransport, answer: aiohttp.ClientResponse) -> bytes:
        pieces = bytearray()
        try:
            async for piece in answer.content.iter_any():
                pieces += piece
        except (aiohttp.ClientError, OSError):
            pass
        return bytes(pieces)

    _replace(AiohttpTransport, "_body", read)


def never_retries() -> None:
    """Every failure is given to the caller."""
    from fleetwright.resilience import Retry
    from fleetwright.resilience._policy import Stop

    _replace(Retry, "decide", lambda self, failure: Stop("attempts"))


def shows_what_was_typed() -> None:
    """The report of wrong settings shows the whole environment."""
    import os

    from fleetwright.errors import FleetwrightError

    shown = FleetwrightError.__str__

    def told(self: FleetwrightError) -> str:
        values = [value for name, value in os.environ.items() if "BANK" in name]
        return f"{shown(self)} {values} {os.environ.get('CHARGE_SECONDS')}"

    _replace(FleetwrightError, "__str__", told)


def starts_all_the_same() -> None:
    """A service that cannot start ends as if it had been asked to."""
    from fleetwright import serve

    _replace(serve, "tell", lambda program, error: 0)


def waits_for_the_log() -> None:
    """A line is written by whoever logs it."""
    import os

    from fleetwright._log_writer import LineWriter

    def write(self: LineWriter, line: bytes, *, urgent: bool = False) -> None:
        os.write(1, line)

    _replace(LineWriter, "write", write)


def keeps_every_line() -> None:
    """Lines nobody reads are kept for ever."""
    from fleetwright import _log_writer

    _replace(_log_writer, "_QUEUE_BYTES", 1 << 40)


def lives_by_the_wall_clock() -> None:
    """Limits are kept by the time of day."""
    import time

    from fleetwright._clock import SystemClock

    _replace(SystemClock, "monotonic", lambda self: time.time())


def never_opens() -> None:
    """A circuit stays closed whatever happens."""
    from fleetwright.resilience import CircuitBreaker

    _replace(CircuitBreaker, "_is_bad", lambda self, totals: False)


def no_budget() -> None:
    """Every retry is allowed."""
    from fleetwright.resilience import RetryBudget

    _replace(RetryBudget, "take", lambda self: True)


def lets_every_probe_through() -> None:
    """A half-open circuit lets everybody find out for himself."""
    from fleetwright.resilience import CircuitBreaker

    refusal = CircuitBreaker._refusal

    def refused(self: CircuitBreaker, now: float) -> Any:
        if self._state == "half_open":
            return None, None
        return refusal(self, now)

    _replace(CircuitBreaker, "_refusal", refused)


def counts_late_results() -> None:
    """The result of an earlier epoch counts as that of a probe."""
    from fleetwright.resilience import CircuitBreaker

    done = CircuitBreaker.done

    def counted(self: CircuitBreaker, token: Any, *how: Any) -> None:
        if self._state == "half_open" and token.epoch != self._epoch:
            token = next(iter(self._under_way), token)
        done(self, token, *how)

    _replace(CircuitBreaker, "done", counted)


def counts_cancellations() -> None:
    """A cancelled attempt counts as a good one."""
    from fleetwright.resilience import CircuitBreaker

    done = CircuitBreaker.done

    def counted(self: CircuitBreaker, token: Any, outcome: Any, *how: Any) -> None:
        done(self, token, "ok" if outcome == "neutral" else outcome, *how)

    _replace(CircuitBreaker, "done", counted)


def works_for_nobody() -> None:
    """A call goes on though its caller has gone, or its time is over."""
    from fleetwright import _asgi

    inbound: Any = sys.modules["fleetwright._inbound"]

    _replace(_asgi._AsgiExchange, "watch", lambda self: None)
    own = inbound.from_headers

    def without(headers: Any, service: str) -> Any:
        call, *_ = own(headers, service)
        return call, None

    _replace(inbound, "from_headers", without)


def leaks_permits() -> None:
    """A cancelled attempt keeps its place in the bulkhead."""
    from fleetwright.resilience import Bulkhead

    leave = Bulkhead.leave

    def left(self: Bulkhead) -> None:
        task = asyncio.current_task()
        if task is None or not task.cancelling():
            leave(self)

    _replace(Bulkhead, "leave", left)


def keeps_places() -> None:
    """A call whose client has gone keeps its place."""
    from fleetwright._asgi import _AsgiExchange

    leave = _AsgiExchange.leave

    def left(self: _AsgiExchange) -> None:
        if self.cut == "gone":
            self._has_place = False
        leave(self)

    _replace(_AsgiExchange, "leave", left)


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

    _replace(AsyncDatabase, "transaction", transaction)


def admits_everybody() -> None:
    """There is always a place."""
    from fleetwright._admission import Admission

    def admit(self: Admission, criticality: str = "default") -> bool:
        self.in_flight += 1
        return True

    _replace(Admission, "admit", admit)


def never_lags() -> None:
    """Readiness knows nothing of a loop that stands still."""
    from fleetwright._watchdog import Watchdog

    async def check(self: Watchdog) -> None:
        return

    _replace(Watchdog, "check", check)


def takes_long_bodies() -> None:
    """A body is read however long it is."""
    from fleetwright._body import Incoming

    _replace(Incoming, "take", lambda self, piece, most: None)


def waits_for_ever() -> None:
    """A connection has all the time in the world."""
    from fleetwright._connections import Connections

    _replace(Connections, "_sweep", lambda self: None)
    _replace(Connections, "_evict", lambda self: False)


def lends_no_place() -> None:
    """A call holds its place while its client takes its time over the body."""
    from fleetwright._asgi import _AsgiExchange

    _replace(_AsgiExchange, "_lend_place", lambda self: None)


def all_matter_alike() -> None:
    """Whoever comes first is served, however little it matters."""
    from fleetwright._admission import Admission

    admit = Admission.admit
    _replace(Admission, "admit", lambda self, criticality="default": admit(self))


def never_asks_the_database() -> None:
    """Readiness knows nothing of the database."""
    from fleetwright.database import AsyncDatabase

    async def check(self: AsyncDatabase) -> None:
        return

    _replace(AsyncDatabase, "check", check)


def never_looks_again() -> None:
    """Once a part was wrong it is wrong for ever."""
    from fleetwright._health import Health

    report = Health.report

    async def first(self: Health, parts: Any) -> Any:
        last = self._report
        if last is not None and not last.ready:
            return last
        return await report(self, parts)

    _replace(Health, "report", first)


def leaves_them_nameless() -> None:
    """What passes by itself is told like a mistake."""
    from fleetwright import _failures

    _replace(_failures, "unavailable", lambda error, where: None)


def says_yes_anyway() -> None:
    """A transaction that could not be kept is answered like one that was."""
    from contextlib import contextmanager, suppress

    from sqlalchemy.exc import DBAPIError

    from fleetwright import _async_database

    @contextmanager
    def in_silence(where: str, *, connecting: bool = False) -> Any:
        with suppress(DBAPIError):
            yield

    _replace(_async_database, "in_words", in_silence)


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

    _replace(_rabbit_publisher, "publish_together", written)


def never_comes_back() -> None:
    """A connection to RabbitMQ that is lost is waited for, not made again."""
    from fleetwright.events.brokers._rabbit_link import Link

    live = Link._live

    async def once(self: Link) -> Exception:
        error = await live(self)
        if "consumer" in self._purpose:
            await asyncio.Event().wait()
        return error

    _replace(Link, "_live", once)


_MISTAKES: dict[str, Callable[[], None]] = {
    made.__name__: made
    for made in (
        leaks_the_exchange,
        ends_late,
        keeps_cut_bodies,
        never_retries,
        shows_what_was_typed,
        starts_all_the_same,
        waits_for_the_log,
        keeps_every_line,
        lives_by_the_wall_clock,
        never_opens,
        no_budget,
        lets_every_probe_through,
        counts_late_results,
        counts_cancellations,
        works_for_nobody,
        leaks_permits,
        keeps_places,
        commits_halves,
        admits_everybody,
        never_lags,
        takes_long_bodies,
        waits_for_ever,
        lends_no_place,
        all_matter_alike,
        never_asks_the_database,
        never_looks_again,
        leaves_them_nameless,
        says_yes_anyway,
        believes_without_word,
        never_comes_back,
    )
}
