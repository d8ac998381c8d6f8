"""When to ask a second time without waiting for the first answer."""

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from fleetwright.errors import DeclarationError, Unavailable
from fleetwright.resilience._budget import RetryBudget
from fleetwright.resilience._policy import Attempt, Policy
from fleetwright.resilience._retry import may_pass

_SAMPLES = 100
_LEARNT_FROM = 20  # fewer answers say nothing about the slowest twentieth
_RECKONED_EVERY = 10
_SHARE = 0.95
_FAREWELL_SECONDS = 0.1


class Hedge(Policy):
    """Asks a second time when the first answer is slow; the first answer counts.

    For reads only: both may be carried out. The second is sent after
    `max(shortest_seconds, p95)`, where p95 is the 95th percentile of the last 100
    answers (nothing is sent before 20 are known), or at once when the first fails in a
    way that may pass. It costs the budget like a retry. The loser is cancelled; its
    outcome is not counted. Safe to share between tasks of several event loops.

    Attributes:
        budget: How many extra sends the provider may get from all calls together.
        shortest_seconds: The shortest wait for the first answer, in seconds.
    """

    __slots__ = (
        "_lock",
        "_p95_seconds",
        "_seen",
        "_took",
        "budget",
        "shortest_seconds",
    )

    def __init__(
        self, *, shortest_seconds: float = 0.01, budget: RetryBudget | None = None
    ) -> None:
        """Start with no answer known.

        Args:
            shortest_seconds: The shortest wait for the first answer, in seconds; above
                0.
            budget: The budget to draw on; one of its own when left out.

        Raises:
            DeclarationError: The wait is out of its range.
        """
        super().__init__()
        if not 0 < shortest_seconds < math.inf:
            raise DeclarationError(
                f"Hedge(shortest_seconds={shortest_seconds}) is out of range",
                hint="give seconds above 0, for example Hedge(shortest_seconds=0.01)",
            )
        self.shortest_seconds = shortest_seconds
        self.budget = budget if budget is not None else RetryBudget()
        self._took: deque[float] = deque(maxlen=_SAMPLES)
        self._seen = 0
        self._p95_seconds: float | None = None
        self._lock = threading.Lock()

    def learn(self, seconds: float) -> None:
        """Count one answer.

        Args:
            seconds: How long it took.
        """
        with self._lock:
            self._took.append(seconds)
            self._seen += 1
            if self._seen >= _LEARNT_FROM and self._seen % _RECKONED_EVERY == 0:
                took = sorted(self._took)
                self._p95_seconds = took[math.ceil(_SHARE * len(took)) - 1]

    def delay_seconds(self) -> float | None:
        """Return how long to wait for the first answer; None while nobody knows."""
        p95 = self._p95_seconds
        return None if p95 is None else max(self.shortest_seconds, p95)


class Race:
    """At most two attempts at one answer, each a task in a context of its own."""

    __slots__ = ("_attempts", "_hedge", "_run", "_tasks", "_unseen")

    def __init__(
        self, hedge: Hedge, run: Callable[[Attempt], Coroutine[Any, Any, Any]]
    ) -> None:
        """Start with nobody running.

        Args:
            hedge: When the second attempt begins.
            run: Makes one attempt.
        """
        self._hedge = hedge
        self._run = run
        self._attempts: list[Attempt] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._unseen: list[asyncio.Task[Any]] = []

    @property
    def attempts(self) -> list[Attempt]:
        """The attempts that were started."""
        return self._attempts

    async def decided(self) -> int:
        """Run until the answer is known; nobody runs any more then.

        Returns:
            The number of the attempt that decides, from 1.
        """
        try:
            self._start()
            number = await self._next_end(self._hedge.delay_seconds())
            slow = number is None
            if (slow or self._may_pass(number)) and self._hedge.budget.take():
                self._start()
            while number is None or (self._may_pass(number) and self._unseen):
                number = await self._next_end(None)
            return number
        finally:
            await self._end()

    def result(self, number: int) -> Any:
        """Return what an attempt returned, or raise its error.

        Args:
            number: The attempt, from 1.

        Returns:
            The answer.
        """
        # A refusal of ours hides no failure of the provider's.
        if self._attempts[number - 1].rejected and number > 1:
            number -= 1
        return self._tasks[number - 1].result()

    def _start(self) -> None:
        attempt = Attempt(len(self._attempts) + 1)
        task = asyncio.create_task(self._run(attempt))
        self._attempts.append(attempt)
        self._tasks.append(task)
        self._unseen.append(task)

    async def _next_end(self, seconds: float | None) -> int | None:
        """Return the number of the next attempt to end; None when time is over."""
        await asyncio.wait(self._unseen, timeout=seconds, return_when="FIRST_COMPLETED")
        for task in self._unseen:
            if task.done():
                self._unseen.remove(task)
                return self._tasks.index(task) + 1
        return None

    def _may_pass(self, number: int | None) -> bool:
        """Tell whether an attempt ended in a way that another may mend."""
        if number is None:
            return False
        task, attempt = self._tasks[number - 1], self._attempts[number - 1]
        error = None if task.cancelled() else task.exception()
        if not isinstance(error, Unavailable):
            return False
        if attempt.rejected:
            return number > 1  # the first is still under way, or has failed
        return may_pass(error) and not attempt.pushback

    async def _end(self) -> None:
        """Cancel whoever still runs, and wait a moment for them to be gone."""
        running = [task for task in self._tasks if not task.done()]
        for task in self._tasks:
            task.add_done_callback(_seen)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_FAREWELL_SECONDS)


def _seen(task: asyncio.Task[Any]) -> None:
    """Look at the error of a loser, so that nobody reports it as overlooked."""
    if not task.cancelled():
        task.exception()
