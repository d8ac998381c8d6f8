"""Pipeline: policies from the outside in, and the driver that waits for them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from fleetwright._clock import clock
from fleetwright._deadline import Deadline, current_deadline
from fleetwright.errors import DeadlineExceeded, DeclarationError, Unavailable
from fleetwright.resilience._breaker import Token
from fleetwright.resilience._events import (
    Hedged,
    Listener,
    RetryScheduled,
    RetryStopped,
    TimedOut,
    report,
)
from fleetwright.resilience._gate import Gate
from fleetwright.resilience._hedge import Hedge, Race
from fleetwright.resilience._order import arranged
from fleetwright.resilience._outcome import accepted_by_provider, outcome_of
from fleetwright.resilience._policy import (
    Attempt,
    Failure,
    Outcome,
    Policy,
    Stop,
)
from fleetwright.resilience._retry import LEAST_SECONDS

P = ParamSpec("P")
T = TypeVar("T")


class Pipeline:
    """Calls to one provider, limited in time and number, tried again where it is safe.

    The order of the policies is fixed: total `Timeout`, `Retry` or `Hedge`, then for
    each attempt `Throttle`, `CircuitBreaker`, `Bulkhead`, `Timeout`; all but the first
    may be left out. So no place is held while waiting for the next attempt, an open
    circuit is seen before standing in line and again after it, and the whole call stays
    within its limit. What a policy refuses ends the call at once, as `Unavailable` with
    the reason `rejected`. A cancellation from outside passes untouched and gives back
    whatever was held. When the call ends without an answer the last real failure is
    raised, with notes on how it ended. Safe to use from several tasks and threads.
    """

    def __init__(
        self,
        name: str,
        *policies: Policy,
        unbounded_because: str | None = None,
        listener: Listener | None = None,
    ) -> None:
        """Put the policies together.

        Args:
            name: Who is called, for logs and metrics; for example "catalog.quotes".
            *policies: From the outside in.
            unbounded_because: Why the whole call needs no limit in time; then the total
                `Timeout` may be left out.
            listener: Told what the policies do; must return at once.

        Raises:
            DeclarationError: The policies do not fit together; the text says why.
        """
        self.name = name
        self._listener = listener
        places = arranged(name, policies)
        if places.total is None and not unbounded_because:
            raise DeclarationError(
                "nothing limits the whole call in time",
                where=f"pipeline {name!r}",
                hint="put Timeout(2.0) first, or say why not:"
                " Pipeline(..., unbounded_because='...')",
            )
        self._total, self._each = places.total, places.each
        self._retry, self._hedge = places.retry, places.hedge
        repeats = places.retry or places.hedge
        self._budget = None if repeats is None else repeats.budget
        self._throttle = places.throttle
        self._breaker, self._bulkhead = places.breaker, places.bulkhead
        self._attempt_seconds = places.attempt_seconds
        for policy in policies:
            policy.claim(name, listener)
        if self._breaker is not None:
            self._breaker.fit(self._attempt_seconds)
        self._gate = Gate(name, places, listener)

    async def run(
        self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call an async function that may safely be called again.

        Args:
            function: What to call; it raises `Unavailable` for what may be retried.
            *args: For the function.
            **kwargs: For the function.

        Returns:
            What the function returned.

        Raises:
            DeadlineExceeded: The time for the whole call is over.
            Unavailable: No answer that counts; the last failure.
        """

        async def send(attempt: Attempt) -> T:
            return await function(*args, **kwargs)

        return await self.send(send)

    async def send(
        self,
        send: Callable[[Attempt], Awaitable[T]],
        *,
        repeatable: bool = True,
        reads: bool = True,
    ) -> T:
        """Make one call by attempts that can say more than their error does.

        Args:
            send: Makes one attempt, and notes on it what the provider said.
            repeatable: Whether sending twice does no more than sending once.
            reads: Whether it only reads; nothing else is hedged.

        Returns:
            What the attempt returned.

        Raises:
            DeadlineExceeded: The time for the whole call is over.
            Unavailable: No answer that counts; the last failure.
        """
        now = clock().monotonic()
        end = self._start(now)
        if self._hedge is not None and repeatable and reads:
            return await self._hedged(self._hedge, send, end)
        attempt = Attempt(1)
        while True:
            try:
                return await self._once(send, attempt, end, now)
            except Unavailable as error:
                failure = error
            delay = self._delay(failure, attempt, end, repeatable)
            await clock().sleep(delay)
            now = clock().monotonic()
            attempt = Attempt(attempt.number + 1, failed_before=failure)

    def run_sync(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call a function that may safely be called again, in a thread.

        The deadline is bound while the function runs, but nothing can cut a function
        that waits: it must itself heed `current_deadline()`.

        Args:
            function: What to call; it raises `Unavailable` for what may be retried.
            *args: For the function.
            **kwargs: For the function.

        Returns:
            What the function returned.

        Raises:
            DeadlineExceeded: The time for the whole call is over.
            Unavailable: No answer that counts; the last failure.
            RuntimeError: An event loop runs in this thread and would stand still.
        """
        if asyncio._get_running_loop() is not None:
            raise RuntimeError(
                f"run_sync of pipeline {self.name!r} would block the event loop\n"
                "hint: `await pipeline.run(...)`"
            )

        def send(attempt: Attempt) -> T:
            return function(*args, **kwargs)

        now = clock().monotonic()
        end = self._start(now)
        attempt = Attempt(1)
        while True:
            try:
                return self._once_sync(send, attempt, end, now)
            except Unavailable as error:
                failure = error
            delay = self._delay(failure, attempt, end, True)
            time.sleep(delay)
            now = clock().monotonic()
            attempt = Attempt(attempt.number + 1, failed_before=failure)

    def facts(self) -> dict[str, object]:
        """Return what /info shows: the breaker's state and the bulkhead's use."""
        facts: dict[str, object] = {}
        if self._breaker is not None:
            facts["breaker"] = self._breaker.facts()
        if self._bulkhead is not None:
            facts["bulkhead"] = self._bulkhead.facts()
        if self._throttle is not None:
            facts["throttle"] = self._throttle.facts()
        return facts

    async def _hedged(
        self,
        hedge: Hedge,
        send: Callable[[Attempt], Awaitable[T]],
        end: float | None,
    ) -> T:
        """Make a call by at most two attempts at a time."""

        async def run(attempt: Attempt) -> T:
            now = clock().monotonic()
            answer = await self._once(send, attempt, end, now)
            hedge.learn(clock().monotonic() - now)
            return answer

        race = Race(hedge, run)
        won = await race.decided()
        if len(race.attempts) > 1:
            report(Hedged(self.name, won), self._listener)
        answer: T = race.result(won)
        return answer

    # -- one attempt: look, stand in line, acquire, send, learn

    async def _once(
        self,
        send: Callable[[Attempt], Awaitable[T]],
        attempt: Attempt,
        end: float | None,
        now: float,
    ) -> T:
        gate = self._gate
        if not gate.look(attempt, now):
            await self._gate.wait(attempt, end)
            now = clock().monotonic()
        token: Token | None = None
        outcome: Outcome = "neutral"
        accepted: bool | None = None
        at: float | None = None
        try:
            token = gate.acquire(attempt, now)
            at = self._allotted(end, now)
            if at is None:
                answer = await send(attempt)
            else:
                with Deadline(at):
                    answer = await send(attempt)
            outcome, accepted = "ok", True
        except Exception as error:
            failure, outcome = self._judged(error, attempt, (now, at, end))
            accepted = accepted_by_provider(error, outcome)
            if failure is error:
                raise
            raise failure from error
        finally:
            gate.leave(token, outcome, accepted, now)
        return answer

    def _once_sync(
        self,
        send: Callable[[Attempt], T],
        attempt: Attempt,
        end: float | None,
        now: float,
    ) -> T:
        gate = self._gate
        if not gate.look(attempt, now):
            self._gate.wait_in_thread(attempt, end)
            now = clock().monotonic()
        token: Token | None = None
        outcome: Outcome = "neutral"
        accepted: bool | None = None
        at: float | None = None
        try:
            token = gate.acquire(attempt, now)
            at = self._allotted(end, now)
            if at is None:
                answer = send(attempt)
            else:
                with Deadline(at):
                    answer = send(attempt)
            outcome, accepted = "ok", True
        except Exception as error:
            failure, outcome = self._judged(error, attempt, (now, at, end))
            accepted = accepted_by_provider(error, outcome)
            if failure is error:
                raise
            raise failure from error
        finally:
            gate.leave(token, outcome, accepted, now)
        return answer

    def _start(self, now: float) -> float | None:
        """Count the call and return when it has to be over, if ever."""
        if self._budget is not None:
            self._budget.count_call()
        inherited = current_deadline()
        # A little before the caller stops waiting: time to tell it that we failed.
        outer = inherited.at - LEAST_SECONDS if inherited is not None else None
        if self._total is None:
            return outer
        own = now + self._total.seconds
        return own if outer is None else min(own, outer)

    def _allotted(self, end: float | None, now: float) -> float | None:
        """Return when the next attempt has to be over, if ever."""
        if end is not None and end - now < LEAST_SECONDS:
            raise DeadlineExceeded(f"no time left to call {self.name}")
        if self._each is None:
            return end
        each = now + self._each.seconds
        return each if end is None else min(each, end)

    def _judged(
        self,
        error: Exception,
        attempt: Attempt,
        times: tuple[float, float | None, float | None],
    ) -> tuple[Exception, Outcome]:
        """Return the failure as the caller should see it, and what it says."""
        began, at, end = times
        if not isinstance(error, DeadlineExceeded):
            return error, outcome_of(error)
        if at is None or clock().monotonic() < at:
            return error, "neutral"  # raised by what was called, or nothing was sent
        meant = self._attempt_seconds
        outcome = outcome_of(
            error, cut_in_full=meant is not None and at - began >= meant
        )
        scope = "total" if at == end or self._each is None else "attempt"
        report(TimedOut(self.name, scope, attempt.number), self._listener)
        if scope == "total" or self._each is None:
            return error, outcome
        seconds = self._each.seconds
        message = f"{self.name} did not answer within {seconds:g} s"
        return Unavailable(message, reason="timeout"), outcome

    def _delay(
        self,
        error: Unavailable,
        attempt: Attempt,
        end: float | None,
        repeatable: bool,
    ) -> float:
        """Return the wait before the next attempt, or raise the failure."""
        if self._retry is None:
            raise error
        number = attempt.number
        if attempt.rejected:
            before = attempt.failed_before
            if before is None:
                raise error
            before.add_note(f"attempts: {number - 1}, stopped by: {error.message}")
            stopped = RetryStopped(self.name, number - 1, "rejected", before.reason)
            report(stopped, self._listener)
            raise before
        left = None if end is None else end - clock().monotonic()
        decided = self._retry.decide(Failure(error, attempt, repeatable, left))
        if isinstance(decided, Stop):
            error.add_note(f"attempts: {number}, stopped by: {decided.by}")
            if attempt.failed_before is not None:
                error.add_note(f"the attempt before: {attempt.failed_before.message}")
            report(
                RetryStopped(self.name, number, decided.by, error.reason),
                self._listener,
            )
            raise error
        delay = decided.after_seconds
        report(RetryScheduled(self.name, number, delay, error.reason), self._listener)
        return delay
