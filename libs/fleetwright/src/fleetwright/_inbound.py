"""The story of one call coming in, without I/O: bind, run, answer, log.

Reads from top to bottom in `Inbound.tell`; `_asgi` tells it over HTTP. A WSGI server
of somebody else's tells it in its own threads: `Inbound.tell_sync`, `_wsgi`. It begins
with a call that has a place (`_admission`): turning one away must cost next to nothing,
so the protocols ask for the place before they tell the story.
"""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import structlog
from opentelemetry import metrics

from fleetwright import _context, _faults, _logs, _spans
from fleetwright._answered import answer_of, answers
from fleetwright._context import Call, from_headers
from fleetwright._deadline import Deadline
from fleetwright._portal import run_in_loop
from fleetwright._problem import Problem, problem_of
from fleetwright._service import Service
from fleetwright.errors import DeadlineExceeded

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")

CLIENT_GONE: Final = 499  # nginx's word for it; never sent, only logged
_RETRY_SOON: Final = {"Retry-After": "1"}
# Nothing was done yet: whatever the method, the call may be made again elsewhere.
NOT_PROCESSED: Final = {"Retry-After": "1", "Fleet-Not-Processed": "1"}
OVERLOADED: Final = Problem(
    503,
    "Too many calls at once",
    detail="Nothing was done. Call again a little later.",
    headers=NOT_PROCESSED,
    kind="overloaded",
)
# The same of a call that had a place and lent it: its application was started.
FILLED_UP: Final = Problem(
    503,
    OVERLOADED.title,
    detail="The places were taken while the body came. Call again a little later.",
    headers=_RETRY_SOON,
    kind="overloaded",
)


_meter = metrics.get_meter("fleetwright")
_durations = _meter.create_histogram(
    "http.server.request.duration",
    unit="s",
    description="Time to answer a request, by method, route and status.",
)
_rpc_durations = _meter.create_histogram(
    "rpc.server.call.duration",
    unit="s",
    description="Time to answer a call over gRPC, by method and code.",
)


class Exchange(Protocol):
    """One request and its answer, as the protocol around the story knows them.

    Attributes:
        status: Status of the answer, 0 while it has not been started.
        cut: Why we cancelled the work ourselves: `gone` (the client hung up), `ended`
            (a stream, because the service stops), or empty.
    """

    status: int
    cut: str

    def described(self) -> dict[str, Any]:
        """Return method, route and what else the protocol knows, for the log."""
        ...

    async def refuse(self, problem: Problem, call: Call) -> None:
        """Answer with a problem, unless the answer has been started."""
        ...

    async def end(self) -> None:
        """End a streamed answer."""
        ...


class SyncExchange(Protocol):
    """One request and its answer where nothing is awaited.

    Attributes:
        status: Status of the answer, 0 while it has not been started.
        cut: `gone` where the client hung up, else empty.
    """

    status: int
    cut: str

    def described(self) -> dict[str, Any]:
        """Return method, route and what else the protocol knows, for the log."""
        ...

    def refuse(self, problem: Problem, call: Call) -> None:
        """Answer with a problem, unless the answer has been started."""
        ...


class Inbound:
    """Tells the story of every call that comes in to one service.

    Safe to call from several tasks of one event loop; `tell_sync` from any thread.
    """

    def __init__(self, service: Service) -> None:
        """Receive the calls of one service.

        Args:
            service: Whose calls these are.
        """
        self.service = service
        self._lifecycle = service.lifecycle
        self._seconds = service.settings.request_seconds

    async def tell(
        self,
        headers: Iterable[tuple[bytes, bytes]],
        exchange: Exchange,
        work: Callable[[], Awaitable[None]],
    ) -> None:
        """Answer one call.

        Args:
            headers: Of the request; names in lower case.
            exchange: The request and its answer.
            work: Runs the application.

        Raises:
            asyncio.CancelledError: The server cancelled the call, not we.
        """
        began = time.perf_counter()  # not the Clock: uvloop's has whole milliseconds
        call, asked = from_headers(headers, self.service.name)
        own = Deadline.after(self._seconds)
        deadline = asked if asked is not None and asked.at < own.at else own
        outcome, entry = "answered", None
        if _spans.tracer is not None:
            entry = _spans.tracer.enter(call, "call", _spans.SERVER)
            call = entry.call
        outer = _context._call.get(None)
        _context._call.set(call)
        self._lifecycle.in_flight += 1
        try:
            if not self._lifecycle.accepts:
                raise _stopped(NOT_PROCESSED)
            if asked is not None and asked.expired:
                raise DeadlineExceeded("the deadline had passed when the call arrived")
            with deadline:
                if _faults.plan is not None or self.service.gate.identifies:
                    call = await self._met(call, headers)
                    _context._call.set(call)
                await work()
        except asyncio.CancelledError:
            outcome = exchange.cut or "cancelled"
            if not exchange.cut:
                if self._lifecycle.told_to_stop:  # the drain's budget is used up
                    await exchange.refuse(_stopped(), call)
                raise
            await self._taken_back(exchange)
        except Exception as error:  # the story ends here: log it and answer
            outcome = await self._failed(error, exchange, call)
        finally:
            if self._lifecycle.drains:
                self._lifecycle.answered()
            else:  # no call of a function on the path of every request
                self._lifecycle.in_flight -= 1
            self._log(began, call, exchange, outcome, entry)
            _context._call.set(outer)

    def tell_sync(
        self,
        headers: Iterable[tuple[bytes, bytes]],
        exchange: SyncExchange,
        work: Callable[[], None],
    ) -> None:
        """Answer one call in the thread it came in on.

        Sync work is not cut: it heeds the deadline where it calls out or commits.

        Args:
            headers: Of the request; names in lower case.
            exchange: The request and its answer.
            work: Runs the application.
        """
        began = time.perf_counter()
        call, asked = from_headers(headers, self.service.name)
        deadline = Deadline.after(self._seconds)
        if asked is not None and asked.at < deadline.at:
            deadline = asked
        outcome, entry = "cancelled", None
        if _spans.tracer is not None:
            entry = _spans.tracer.enter(call, "call", _spans.SERVER)
            call = entry.call
        outer = _context._call.get(None)
        _context._call.set(call)
        self._lifecycle.arrived()
        try:
            if not self._lifecycle.accepts:
                raise _stopped(NOT_PROCESSED)
            if asked is not None and asked.expired:
                raise DeadlineExceeded("the deadline had passed when the call arrived")
            with deadline:
                if _faults.plan is not None or self.service.gate.identifies:
                    call = run_in_loop(functools.partial(self._met, call, headers))
                    _context._call.set(call)
                work()
            outcome = "answered"
        except Exception as error:  # the story ends here: log it and answer
            problem, outcome = self._judged(error, exchange)
            exchange.refuse(problem, call)
        finally:
            self._lifecycle.answered()
            self._log(began, call, exchange, outcome, entry)
            _context._call.set(outer)

    async def _met(self, call: Call, headers: Iterable[tuple[bytes, bytes]]) -> Call:
        """Do to a call what the fault plan says; return it with who makes it."""
        if _faults.plan is not None:
            await _faults.plan.strike_arrival(call)
        gate = self.service.gate
        return await gate.identified(call, headers) if gate.identifies else call

    async def _taken_back(self, exchange: Exchange) -> None:
        """Take back a cancellation of our own."""
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        if exchange.cut == "ended":
            await exchange.end()

    async def _failed(self, error: Exception, exchange: Exchange, call: Call) -> str:
        """Answer an error with a problem."""
        problem, outcome = self._judged(error, exchange)
        if not exchange.cut:
            await exchange.refuse(problem, call)
        return outcome

    def _judged(
        self, error: Exception, exchange: Exchange | SyncExchange
    ) -> tuple[Problem, str]:
        """Return answer and outcome of an error; log one that nobody expected."""
        problem = problem_of(error)
        if exchange.cut:
            return problem, exchange.cut
        if problem.status == 500 and problem is not error:
            where = exchange.described()
            _log.error("call.failed", exc_info=error, **where)
            if _spans.tracer is not None:
                _spans.record(error)
        late = isinstance(error, DeadlineExceeded)
        return problem, "timeout" if late else "failed"

    def _log(
        self,
        began: float,
        call: Call,
        exchange: Exchange | SyncExchange,
        outcome: str,
        entry: _spans.Entry | None,
    ) -> None:
        """Write the canonical line of the call, and end its span."""
        took = time.perf_counter() - began
        status = CLIENT_GONE if exchange.cut == "gone" else exchange.status
        who, lacked = call.principal, None
        if _context._lacking:
            lacked = _context.forget_degraded(call)
        principal = None if who is None else str(who)
        ending = status, outcome, call.caller, principal, lacked
        said = exchange.described()
        answer = answers.get((*said.values(), *ending)) or answer_of(said, ending)
        _logs.canonical(call, answer, took)
        durations = _rpc_durations if answer.is_rpc else _durations
        durations.record(took, answer.measured)
        if entry is not None:
            entry.answered(answer)


def _stopped(headers: Mapping[str, str] = _RETRY_SOON) -> Problem:
    return Problem(
        503,
        "Not serving",
        detail="The service has not started yet, or is stopped.",
        headers=headers,
        kind="not_serving",
    )
