"""What one attempt has to pass before it is sent, and what is learnt from its end."""

import asyncio
from collections.abc import Callable

from fleetwright._clock import clock
from fleetwright.errors import DeadlineExceeded, Unavailable
from fleetwright.resilience._breaker import Token
from fleetwright.resilience._bulkhead import FULL, Bulkhead, TaskWaiter, ThreadWaiter
from fleetwright.resilience._events import CallRejected, Listener, report
from fleetwright.resilience._order import Places
from fleetwright.resilience._policy import NOTHING_LEARNT, Attempt, Rejection, Verdict

WAIT = Token(-1)  # no place free; an epoch that never was


class Gate:
    """Throttle, breaker and bulkhead around each attempt of one pipeline.

    `enter`, or after a wait `acquire`; in the end `leave`, exactly once for each of
    them that returned. Safe to use from several tasks and threads.
    """

    __slots__ = ("_breaker", "_bulkhead", "_listener", "_name", "_throttle")

    def __init__(self, name: str, places: Places, listener: Listener | None) -> None:
        """Stand before the attempts of a pipeline.

        Args:
            name: The name of the pipeline.
            places: Its policies.
            listener: Told what is refused.
        """
        self._name = name
        self._breaker, self._bulkhead = places.breaker, places.bulkhead
        self._throttle = places.throttle
        self._listener = listener

    def enter(self, attempt: Attempt, now: float) -> Token | None:
        """Return leave to send at once, if there is a place free.

        Args:
            attempt: The attempt.
            now: This moment.

        Returns:
            What `leave` gives back; None where no breaker stands; `WAIT` when there is
            no place: then `wait` and `acquire`.

        Raises:
            Unavailable: The throttle or the breaker refuses it.
        """
        if self._throttle is not None:
            kept_back = self._throttle.start(now)
            if kept_back is not None:
                raise self._rejected(kept_back, attempt)
        if self._bulkhead is None or self._bulkhead.enter():
            return None if self._breaker is None else self.acquire(attempt, now)
        if self._breaker is not None:
            # Refuse before the wait what would be refused after it.
            refused = self._breaker.peek(now)
            if refused is not None:
                self._take_back()
                raise self._rejected(refused, attempt)
        return WAIT

    async def wait(self, attempt: Attempt, end: float | None) -> None:
        """Wait for a place; cancelled at any moment, none is lost.

        Args:
            attempt: The attempt.
            end: When the whole call has to be over, if ever.

        Raises:
            DeadlineExceeded: The call is over before there is a place.
            Unavailable: The line is full, or the wait was too long.
        """
        bulkhead = self._bulkhead
        if bulkhead is None:
            return
        waiter = TaskWaiter()
        if not bulkhead.stand_in_line(waiter):
            self._take_back()
            raise self._rejected(FULL, attempt)
        seconds = _patience(bulkhead, end)
        try:
            async with asyncio.timeout(seconds) as limit:
                await waiter.woken
        except BaseException as error:
            bulkhead.give_up(waiter)
            self._take_back()
            if isinstance(error, TimeoutError) and limit.expired():
                raise self._unplaced(bulkhead, seconds, attempt) from None
            raise

    def wait_in_thread(self, attempt: Attempt, end: float | None) -> None:
        """Wait for a place in a thread.

        Args:
            attempt: The attempt.
            end: When the whole call has to be over, if ever.

        Raises:
            DeadlineExceeded: The call is over before there is a place.
            Unavailable: The line is full, or the wait was too long.
        """
        bulkhead = self._bulkhead
        if bulkhead is None:
            return
        waiter = ThreadWaiter()
        if not bulkhead.stand_in_line(waiter):
            self._take_back()
            raise self._rejected(FULL, attempt)
        seconds = _patience(bulkhead, end)
        try:
            woken = waiter.woken.wait(seconds)
        except BaseException:
            bulkhead.give_up(waiter)
            self._take_back()
            raise
        if not woken:
            bulkhead.give_up(waiter)
            self._take_back()
            raise self._unplaced(bulkhead, seconds, attempt)

    def acquire(self, attempt: Attempt, now: float) -> Token | None:
        """Return leave to send, once there is a place.

        Args:
            attempt: The attempt.
            now: This moment.

        Returns:
            What `leave` gives back; None where no breaker stands.

        Raises:
            Unavailable: The breaker refuses it; the place is given back.
        """
        if self._breaker is None:
            return None
        token = self._breaker.acquire(now)
        if isinstance(token, Rejection):
            self.leave(None, NOTHING_LEARNT, now, clock().monotonic)
            raise self._rejected(token, attempt)
        return token

    def leave(
        self,
        token: Token | None,
        verdict: Verdict,
        began: float,
        time: Callable[[], float],
    ) -> None:
        """Give the place back and let the policies learn how the attempt ended.

        Args:
            token: What `enter` or `acquire` returned.
            verdict: What the end says about the provider.
            began: When the attempt was sent.
            time: Tells this moment.
        """
        if token is not None and self._breaker is not None:
            now = time()
            self._breaker.done(token, verdict.outcome, now - began, now)
        if self._bulkhead is not None:
            self._bulkhead.leave()
        if self._throttle is not None:
            self._throttle.done(verdict.accepted, time())

    def _take_back(self) -> None:
        """Let the throttle forget an attempt that was not sent after all."""
        if self._throttle is not None:
            self._throttle.done(None, clock().monotonic())

    def _unplaced(
        self, bulkhead: Bulkhead, waited_seconds: float, attempt: Attempt
    ) -> Unavailable:
        """Return the error of who waited for a place in vain."""
        if waited_seconds < bulkhead.wait_seconds:
            return DeadlineExceeded(f"no time left to call {self._name}")
        why = f"has no place free, and none became free in {waited_seconds:g} s"
        return self._rejected(Rejection("bulkhead", why), attempt)

    def _rejected(self, refused: Rejection, attempt: Attempt) -> Unavailable:
        """Report what a policy refused and return the error of it."""
        attempt.rejected = True
        report(CallRejected(self._name, refused.by, attempt.number), self._listener)
        return Unavailable(
            f"{self._name} {refused.why}",
            reason="rejected",
            retry_after_seconds=refused.after_seconds,
        )


def _patience(bulkhead: Bulkhead, end: float | None) -> float:
    if end is None:
        return bulkhead.wait_seconds
    return min(bulkhead.wait_seconds, max(0.0, end - clock().monotonic()))
