"""Pipeline: policies from the outside in, and the driver that waits for them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from fleetwright._clock import clock
from fleetwright._deadline import Deadline, current_deadline
from fleetwright.errors import DeadlineExceeded, DeclarationError, Unavailable
from fleetwright.resilience._events import (
    Listener,
    RetryScheduled,
    RetryStopped,
    TimedOut,
    report,
)
from fleetwright.resilience._policy import Attempt, Failure, Policy, Stop
from fleetwright.resilience._retry import LEAST_SECONDS, Retry
from fleetwright.resilience._timeout import Timeout

P = ParamSpec("P")
T = TypeVar("T")

_ORDER = "Timeout of the whole call, Retry, Timeout of one attempt"


class Pipeline:
    """Calls to one provider, limited in time and tried again where that is safe.

    The order of the policies is fixed: total `Timeout`, `Retry`, attempt `Timeout`, so
    that nothing is held while waiting for the next attempt and the whole call stays
    within its limit. A cancellation from outside passes untouched. When the call ends
    without an answer the last real failure is raised, with notes on how it ended.
    Safe to use from several tasks and threads.
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
        self._total, self._retry, self._each = _arranged(name, policies)
        if self._total is None and not unbounded_because:
            raise DeclarationError(
                "nothing limits the whole call in time",
                where=f"pipeline {name!r}",
                hint="put Timeout(2.0) first, or say why not:"
                " Pipeline(..., unbounded_because='...')",
            )
        for policy in policies:
            policy.claim(name)

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
        self, send: Callable[[Attempt], Awaitable[T]], *, repeatable: bool = True
    ) -> T:
        """Make one call by attempts that can say more than their error does.

        Args:
            send: Makes one attempt, and notes on it what the provider said.
            repeatable: Whether sending twice does no more than sending once.

        Returns:
            What the attempt returned.

        Raises:
            DeadlineExceeded: The time for the whole call is over.
            Unavailable: No answer that counts; the last failure.
        """
        end = self._start()
        attempt = Attempt(1)
        while True:
            at: float | None = None
            try:
                at = self._allotted(end)
                if at is None:
                    return await send(attempt)
                with Deadline(at):
                    return await send(attempt)
            except Unavailable as error:
                failure = self._judged(error, attempt, at, end)
            delay = self._delay(failure, attempt, end, repeatable)
            await clock().sleep(delay)
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
        end = self._start()
        attempt = Attempt(1)
        while True:
            at: float | None = None
            try:
                at = self._allotted(end)
                if at is None:
                    return function(*args, **kwargs)
                with Deadline(at):
                    return function(*args, **kwargs)
            except Unavailable as error:
                failure = self._judged(error, attempt, at, end)
            delay = self._delay(failure, attempt, end, True)
            time.sleep(delay)
            attempt = Attempt(attempt.number + 1, failed_before=failure)

    def _start(self) -> float | None:
        """Count the call and return when it has to be over, if ever."""
        if self._retry is not None:
            self._retry.budget.count_call()
        inherited = current_deadline()
        # A little before the caller stops waiting: time to tell it that we failed.
        outer = inherited.at - LEAST_SECONDS if inherited is not None else None
        if self._total is None:
            return outer
        own = clock().monotonic() + self._total.seconds
        return own if outer is None else min(own, outer)

    def _allotted(self, end: float | None) -> float | None:
        """Return when the next attempt has to be over, if ever."""
        if end is None and self._each is None:
            return None
        now = clock().monotonic()
        if end is not None and end - now < LEAST_SECONDS:
            raise DeadlineExceeded(f"no time left to call {self.name}")
        if self._each is None:
            return end
        each = now + self._each.seconds
        return each if end is None else min(each, end)

    def _judged(
        self,
        error: Unavailable,
        attempt: Attempt,
        at: float | None,
        end: float | None,
    ) -> Unavailable:
        """Return the failure as the caller should see it."""
        if not isinstance(error, DeadlineExceeded):
            return error
        if at is None or clock().monotonic() < at:
            return error  # raised by what was called, or nothing was sent
        scope = "total" if at == end or self._each is None else "attempt"
        report(TimedOut(self.name, scope, attempt.number), self._listener)
        if scope == "total" or self._each is None:
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
        left = None if end is None else end - clock().monotonic()
        decided = self._retry.decide(Failure(error, attempt, repeatable, left))
        number = attempt.number
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


def _arranged(
    name: str, policies: tuple[Policy, ...]
) -> tuple[Timeout | None, Retry | None, Timeout | None]:
    """Return the policies by their places, or say why they do not fit."""
    total: Timeout | None = None
    retry: Retry | None = None
    each: Timeout | None = None
    for policy in policies:
        if isinstance(policy, Timeout) and each is None:
            if retry is not None:
                each = policy
                continue
            if total is None:
                total = policy
                continue
        if isinstance(policy, Retry) and retry is None:
            retry = policy
            continue
        raise DeclarationError(
            f"{type(policy).__name__} cannot stand here: {_why(policy)}",
            where=f"pipeline {name!r}",
            hint=f"use each once and in this order: {_ORDER}",
        )
    if total is not None and each is not None and each.seconds > total.seconds:
        raise DeclarationError(
            f"one attempt may take {each.seconds:g} s but the whole call only"
            f" {total.seconds:g} s",
            where=f"pipeline {name!r}",
            hint="make the Timeout after Retry the smaller one",
        )
    return total, retry, each


def _why(policy: Policy) -> str:
    if isinstance(policy, Retry):
        return "two layers of retries multiply the sends"
    if isinstance(policy, Timeout):
        return "a limit is either of the whole call or of one attempt"
    return "a pipeline knows no such policy"
