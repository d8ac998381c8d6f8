"""Pipeline: policies from the outside in, and the driver that waits for them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from time import sleep
from typing import Any, ParamSpec, TypeVar

from fleetwright._clock import clock, here
from fleetwright._deadline import DeadlineScope, current_deadline
from fleetwright.errors import DeadlineExceeded, DeclarationError, Unavailable
from fleetwright.resilience._events import (
    AnswerUnreadable,
    Hedged,
    Listener,
    RetryScheduled,
    RetryStopped,
    TimedOut,
    report,
)
from fleetwright.resilience._gate import WAIT, Gate
from fleetwright.resilience._hedge import Hedge, Race
from fleetwright.resilience._order import arranged
from fleetwright.resilience._outcome import verdict_of
from fleetwright.resilience._policy import (
    ANSWERED,
    NOTHING_LEARNT,
    Attempt,
    Failure,
    Policy,
    Stop,
    Verdict,
)
from fleetwright.resilience._retry import LEAST_SECONDS

P = ParamSpec("P")
T = TypeVar("T")
_TICK_SECONDS = 0.001  # a loop may count whole milliseconds and ring half of one early


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

    def run(
        self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, T]:
        """Call an async function that may safely be called again.

        Args:
            function: What to call; it raises `Unavailable` for what may be retried.
            *args: For the function.
            **kwargs: For the function.

        Returns:
            What the function returned, to be awaited.

        Raises:
            DeadlineExceeded: The time for the whole call is over.
            Unavailable: No answer that counts; the last failure.
        """

        def send(attempt: Attempt) -> Awaitable[T]:
            return function(*args, **kwargs)

        return self.send(send)

    def send(
        self,
        send: Callable[[Attempt], Awaitable[T]],
        *,
        repeatable: bool = True,
        reads: bool = True,
    ) -> Coroutine[Any, Any, T]:
        """Make one call by attempts that can say more than their error does.

        Args:
            send: Makes one attempt, and notes on it what the provider said.
            repeatable: Whether sending twice does no more than sending once.
            reads: Whether it only reads; nothing else is hedged.

        Returns:
            What the attempt returned, to be awaited.

        Raises:
            DeadlineExceeded: The time for the whole call is over.
            Unavailable: No answer that counts; the last failure.
        """
        if self._hedge is not None and repeatable and reads:
            return self._hedged(self._hedge, send)
        return self._attempts(send, repeatable)

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

        return self._attempts_in_thread(send)

    def facts(self) -> dict[str, object]:
        """Return what /info shows: how the policies stand that count something."""
        facts: dict[str, object] = {}
        if self._breaker is not None:
            facts["breaker"] = self._breaker.facts()
        if self._bulkhead is not None:
            facts["bulkhead"] = self._bulkhead.facts()
        if self._throttle is not None:
            facts["throttle"] = self._throttle.facts()
        if self._budget is not None:
            facts["budget"] = self._budget.facts()
        return facts

    # -- the attempts of one call: enter, send, learn, perhaps wait and begin again

    async def _attempts(
        self,
        send: Callable[[Attempt], Awaitable[T]],
        repeatable: bool,
        attempt: Attempt | None = None,
        end: float | None = None,
    ) -> T:
        loop, time = here()
        now = time()
        if attempt is None:
            attempt, end = Attempt(1), self._start(now)
        gate = self._gate
        while True:
            try:
                token = gate.enter(attempt, now)
                if token is WAIT:
                    await gate.wait(attempt, end)
                    now = time()
                    token = gate.acquire(attempt, now)
                verdict, at = NOTHING_LEARNT, None
                try:
                    at = self._allotted(end, now)
                    if at is None:
                        answer = await send(attempt)
                    else:
                        with DeadlineScope(at, now, loop):
                            answer = await send(attempt)
                    verdict = ANSWERED
                    return answer
                except Exception as error:
                    verdict = self._judge(error, attempt, (now, at, end))
                    raise
                finally:
                    gate.leave(token, verdict, now, time)
            except Unavailable as error:
                failure = self._seen_from_outside(error, attempt)
            await clock().sleep(self._delay(failure, attempt, end, repeatable))
            now = time()
            attempt = Attempt(attempt.number + 1, failed_before=failure)

    def _attempts_in_thread(self, send: Callable[[Attempt], T]) -> T:
        time = clock().monotonic
        now = time()
        attempt, end = Attempt(1), self._start(now)
        gate = self._gate
        while True:
            try:
                token = gate.enter(attempt, now)
                if token is WAIT:
                    gate.wait_in_thread(attempt, end)
                    now = time()
                    token = gate.acquire(attempt, now)
                verdict, at = NOTHING_LEARNT, None
                try:
                    at = self._allotted(end, now)
                    if at is None:
                        answer = send(attempt)
                    else:
                        with DeadlineScope(at, now, None):
                            answer = send(attempt)
                    verdict = ANSWERED
                    return answer
                except Exception as error:
                    verdict = self._judge(error, attempt, (now, at, end))
                    raise
                finally:
                    gate.leave(token, verdict, now, time)
            except Unavailable as error:
                failure = self._seen_from_outside(error, attempt)
            sleep(self._delay(failure, attempt, end, True))
            now = time()
            attempt = Attempt(attempt.number + 1, failed_before=failure)

    async def _hedged(self, hedge: Hedge, send: Callable[[Attempt], Awaitable[T]]) -> T:
        """Make a call by at most two attempts at a time."""
        end = self._start(clock().monotonic())

        async def run(attempt: Attempt) -> T:
            began = clock().monotonic()
            answer = await self._attempts(send, False, attempt, end)
            hedge.learn(clock().monotonic() - began)
            return answer

        race = Race(hedge, run)
        won = await race.decided()
        if len(race.attempts) > 1:
            report(Hedged(self.name, won), self._listener)
        answer: T = race.result(won)
        return answer

    def _start(self, now: float) -> float | None:
        """Count the call and return when it has to be over, if ever."""
        if self._budget is not None:
            self._budget.count_call(now)
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

    def _judge(
        self,
        error: Exception,
        attempt: Attempt,
        times: tuple[float, float | None, float | None],
    ) -> Verdict:
        """Return what an error says; note on the attempt whether a limit cut it."""
        began, at, end = times
        if not isinstance(error, DeadlineExceeded):
            if isinstance(error, Unavailable) and error.reason == "invalid_answer":
                report(AnswerUnreadable(self.name, attempt.number), self._listener)
            return verdict_of(error)
        if at is None or clock().monotonic() < at - _TICK_SECONDS:
            return NOTHING_LEARNT  # raised by what was called, or nothing was sent
        attempt.cut = "total" if at == end or self._each is None else "attempt"
        report(TimedOut(self.name, attempt.cut, attempt.number), self._listener)
        meant, had = self._attempt_seconds, at - began + _TICK_SECONDS
        return verdict_of(error, cut_in_full=meant is not None and had >= meant)

    def _seen_from_outside(self, error: Unavailable, attempt: Attempt) -> Unavailable:
        """Return the failure as the caller should see it."""
        if attempt.cut != "attempt" or self._each is None:
            return error
        seconds = self._each.seconds
        late = Unavailable(
            f"{self.name} did not answer within {seconds:g} s", reason="timeout"
        )
        late.__cause__ = error
        return late

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
            before.sends = max(before.sends, number - 1)
            before.add_note(f"attempts: {number - 1}, stopped by: {error.message}")
            stopped = RetryStopped(self.name, number - 1, "rejected", before.reason)
            report(stopped, self._listener)
            raise before
        left = None if end is None else end - clock().monotonic()
        decided = self._retry.decide(Failure(error, attempt, repeatable, left))
        if isinstance(decided, Stop):
            error.sends = max(error.sends, number)
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
