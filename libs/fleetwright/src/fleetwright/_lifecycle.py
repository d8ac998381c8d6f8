"""Parts opened in order, closed in reverse, drained within a budget."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Any

import structlog

from fleetwright._clock import clock
from fleetwright._part import method_of, name_of

_CLOSE_SECONDS = 5.0  # for all parts together; a part that hangs must not hang the exit
_MOMENT_SECONDS = 0.5
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class State(StrEnum):
    """Where a service is in its life."""

    NEW = "new"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Lifecycle:
    """The life of one service: its state, its parts, its calls in flight.

    Safe to use from several tasks of one event loop. Calls may be counted from any
    thread.

    Attributes:
        state: Where the service is in its life.
        accepts: Whether calls are answered: from opened until closed. A plain value,
            because every call looks at it.
        in_flight: How many calls are being answered.
        drains: Whether somebody waits for calls in flight.
        failure: What kept the service from starting, if anything did.
    """

    def __init__(self) -> None:
        """Start with a service that was not opened yet."""
        self.state = State.NEW
        self.accepts = False
        self.in_flight = 0
        self.drains = False
        self.failure: BaseException | None = None
        self._drain_ends: float | None = None
        self._opened: list[object] = []
        self._counting = threading.Lock()
        self._idle: Callable[[], object] | None = None
        self._stopping: list[Callable[[], None]] = []
        self._draining: list[Callable[[], None]] = []

    async def open(self, parts: Sequence[object]) -> None:
        """Open the parts in order; if one fails, close those that are open.

        Args:
            parts: What the service is made of, in the order of opening.

        Raises:
            BaseException: What the part that could not be opened raised.
        """
        self._become(State.STARTING)
        for part in parts:
            opening = method_of(part, "open")
            try:
                if opening is not None:
                    await opening()
            except BaseException as error:
                error.add_note(f"while opening {name_of(part)}")
                self.failure = error
                await self.close()
                raise
            self._opened.append(part)
        self._become(State.READY)

    def _become(self, state: State) -> None:
        self.state = state
        self.accepts = state in (State.READY, State.STOPPING)

    def arrived(self) -> None:
        """Count a call that came in."""
        with self._counting:
            self.in_flight += 1

    def answered(self) -> None:
        """Count a call that was answered."""
        with self._counting:
            self.in_flight -= 1
            tell = self._idle if self.in_flight == 0 else None
        if tell is not None:
            tell()

    @property
    def told_to_stop(self) -> bool:
        """Whether the service stops or has stopped."""
        return self.state is State.STOPPING or self.state is State.STOPPED

    def on_stopping(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Have `tell` called once when the service is told to stop.

        Args:
            tell: Called on the event loop; at once if it stops already.

        Returns:
            Forgets it again; safe to call twice.
        """
        return self._noted(self._stopping, tell, at_once=self.told_to_stop)

    def on_draining(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Have `tell` called once when calls in flight are all that is left to do.

        Args:
            tell: Called on the event loop; at once if it drains already.

        Returns:
            Forgets it again; safe to call twice.
        """
        return self._noted(self._draining, tell, at_once=self._drain_ends is not None)

    def _noted(
        self,
        listeners: list[Callable[[], None]],
        tell: Callable[[], None],
        *,
        at_once: bool,
    ) -> Callable[[], None]:
        if at_once:
            tell()
            return lambda: None
        listeners.append(tell)

        def forget() -> None:
            with contextlib.suppress(ValueError):
                listeners.remove(tell)

        return forget

    def stop(self) -> None:
        """Turn readiness off and end streams; calls in flight go on."""
        if self.told_to_stop:
            return
        self._become(State.STOPPING)
        _tell_once(self._stopping)

    def begin_drain(self, budget_seconds: float) -> None:
        """Let the time for draining run from now; only the first call counts.

        Args:
            budget_seconds: For calls in flight and parts together.
        """
        self.stop()
        if self._drain_ends is None:
            self._drain_ends = clock().monotonic() + budget_seconds
            _tell_once(self._draining)

    async def drain(self, budget_seconds: float) -> bool:
        """Wait for calls in flight, then let the parts finish what they began.

        Args:
            budget_seconds: For all of it together, unless the time runs already; the
                parts get a moment even when calls in flight have used it up.

        Returns:
            Whether everything was finished within the budget.
        """
        self.begin_drain(budget_seconds)
        ends = self._drain_ends or 0.0
        finished = await self._until_idle(max(0.0, ends - clock().monotonic()))
        for part in reversed(self._opened):
            draining = method_of(part, "drain")
            if draining is not None:
                left = max(_MOMENT_SECONDS, ends - clock().monotonic())
                finished &= await _finish(part, "drain", draining, left)
        return finished

    async def _until_idle(self, budget_seconds: float) -> bool:
        loop, idle = asyncio.get_running_loop(), asyncio.Event()
        with self._counting:
            if self.in_flight == 0:
                return True
            self._idle = lambda: loop.call_soon_threadsafe(idle.set)
            self.drains = True
        try:
            async with asyncio.timeout(budget_seconds):
                await idle.wait()
        except TimeoutError:
            _log.warning("drain.cut", in_flight=self.in_flight)
            return False
        return True

    async def close(self) -> None:
        """Close the opened parts in reverse, whatever any of them does."""
        ends = clock().monotonic() + _CLOSE_SECONDS
        while self._opened:
            part = self._opened.pop()
            closing = method_of(part, "close")
            if closing is not None:
                left = max(0.1, ends - clock().monotonic())
                await _finish(part, "close", closing, left)
        self._become(State.STOPPED)


def _tell_once(listeners: list[Callable[[], None]]) -> None:
    """Call each listener, and none of them again."""
    told = listeners.copy()
    listeners.clear()
    for tell in told:
        tell()


async def _finish(
    part: object, verb: str, finishing: Callable[[], Awaitable[Any]], seconds: float
) -> bool:
    """Run the end of a part; say so where it fails or takes too long."""
    try:
        async with asyncio.timeout(seconds):
            await finishing()
    except TimeoutError:
        _log.warning(f"part.{verb}_cut", part=name_of(part), after_seconds=seconds)
    except Exception:  # the story of a part ends here: the others still must close
        _log.exception(f"part.{verb}_failed", part=name_of(part))
    else:
        return True
    return False
