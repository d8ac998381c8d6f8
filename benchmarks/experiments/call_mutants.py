"""Mistakes in calls: those we make, and those we answer."""

import asyncio
import sys
from typing import Any

from experiments.replacing import replace


def leaks_the_exchange() -> None:
    """A call whose time is over leaves its connection open."""
    from fleetwright._transport import AiohttpTransport

    exchange = AiohttpTransport.exchange
    kept: set[asyncio.Future[Any]] = set()

    async def shielded(self: AiohttpTransport, request: Any) -> Any:
        work = asyncio.ensure_future(exchange(self, request))
        kept.add(work)
        return await asyncio.shield(work)

    replace(AiohttpTransport, "exchange", shielded)


def ends_late() -> None:
    """The limit of the whole call starts anew with each attempt."""
    from fleetwright.resilience import Pipeline

    start = Pipeline._start

    def later(self: Pipeline, now: float) -> float | None:
        end = start(self, now)
        return None if end is None else end + 0.5

    replace(Pipeline, "_start", later)


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

    replace(AiohttpTransport, "_body", read)


def never_retries() -> None:
    """Every failure is given to the caller."""
    from fleetwright.resilience import Retry
    from fleetwright.resilience._policy import Stop

    replace(Retry, "decide", lambda self, failure: Stop("attempts"))


def never_opens() -> None:
    """A circuit stays closed whatever happens."""
    from fleetwright.resilience import CircuitBreaker

    replace(CircuitBreaker, "_is_bad", lambda self, totals: False)


def no_budget() -> None:
    """Every retry is allowed."""
    from fleetwright.resilience import RetryBudget

    replace(RetryBudget, "take", lambda self: True)


def lets_every_probe_through() -> None:
    """A half-open circuit lets everybody find out for himself."""
    from fleetwright.resilience import CircuitBreaker

    refusal = CircuitBreaker._refusal

    def refused(self: CircuitBreaker, now: float) -> Any:
        if self._state == "half_open":
            return None, None
        return refusal(self, now)

    replace(CircuitBreaker, "_refusal", refused)


def counts_late_results() -> None:
    """The result of an earlier epoch counts as that of a probe."""
    from fleetwright.resilience import CircuitBreaker

    done = CircuitBreaker.done

    def counted(self: CircuitBreaker, token: Any, *how: Any) -> None:
        if self._state == "half_open" and token.epoch != self._epoch:
            token = next(iter(self._under_way), token)
        done(self, token, *how)

    replace(CircuitBreaker, "done", counted)


def counts_cancellations() -> None:
    """A cancelled attempt counts as a good one."""
    from fleetwright.resilience import CircuitBreaker

    done = CircuitBreaker.done

    def counted(self: CircuitBreaker, token: Any, outcome: Any, *how: Any) -> None:
        done(self, token, "ok" if outcome == "neutral" else outcome, *how)

    replace(CircuitBreaker, "done", counted)


def works_for_nobody() -> None:
    """A call goes on though its caller has gone, or its time is over."""
    from fleetwright import _asgi

    inbound: Any = sys.modules["fleetwright._inbound"]

    replace(_asgi._AsgiExchange, "watch", lambda self: None)
    own = inbound.from_headers

    def without(headers: Any, service: str) -> Any:
        call, *_ = own(headers, service)
        return call, None

    replace(inbound, "from_headers", without)


def leaks_permits() -> None:
    """A cancelled attempt keeps its place in the bulkhead."""
    from fleetwright.resilience import Bulkhead

    leave = Bulkhead.leave

    def left(self: Bulkhead) -> None:
        task = asyncio.current_task()
        if task is None or not task.cancelling():
            leave(self)

    replace(Bulkhead, "leave", left)


def keeps_places() -> None:
    """A call whose client has gone keeps its place."""
    from fleetwright._asgi import _AsgiExchange

    leave = _AsgiExchange.leave

    def left(self: _AsgiExchange) -> None:
        if self.cut == "gone":
            self._has_place = False
        leave(self)

    replace(_AsgiExchange, "leave", left)


def admits_everybody() -> None:
    """There is always a place."""
    from fleetwright._admission import Admission

    def admit(self: Admission, criticality: str = "default") -> bool:
        self.in_flight += 1
        return True

    replace(Admission, "admit", admit)


def takes_long_bodies() -> None:
    """A body is read however long it is."""
    from fleetwright._body import Incoming

    replace(Incoming, "take", lambda self, piece, most: None)


def waits_for_ever() -> None:
    """A connection has all the time in the world."""
    from fleetwright._connections import Connections

    replace(Connections, "_sweep", lambda self: None)
    replace(Connections, "_evict", lambda self: False)


def lends_no_place() -> None:
    """A call holds its place while its client takes its time over the body."""
    from fleetwright._asgi import _AsgiExchange

    replace(_AsgiExchange, "_lend_place", lambda self: None)


def all_matter_alike() -> None:
    """Whoever comes first is served, however little it matters."""
    from fleetwright._admission import Admission

    admit = Admission.admit
    replace(Admission, "admit", lambda self, criticality="default": admit(self))


ALL = (
    leaks_the_exchange,
    ends_late,
    keeps_cut_bodies,
    never_retries,
    never_opens,
    no_budget,
    lets_every_probe_through,
    counts_late_results,
    counts_cancellations,
    works_for_nobody,
    leaks_permits,
    keeps_places,
    admits_everybody,
    takes_long_bodies,
    waits_for_ever,
    lends_no_place,
    all_matter_alike,
)
