"""Policies as a fuzzer uses them: watched, tricked, or broken on purpose."""

import asyncio
from random import Random

from fleetwright.resilience import (
    BreakerChanged,
    Bulkhead,
    CircuitBreaker,
    RetryBudget,
)
from fleetwright.resilience._breaker import State, Token
from fleetwright.resilience._bulkhead import Waiter
from fleetwright.resilience._policy import Outcome, Rejection

WINDOW_SECONDS = 2.0


class SeenBudget(RetryBudget):
    """A budget that notes what it counted and granted, and when."""

    def __init__(self, ratio: float, floor: float) -> None:
        """Start with nothing noted."""
        super().__init__(ratio, floor, window_seconds=WINDOW_SECONDS)
        self.ratio, self.floor = ratio, floor
        self.calls: list[float] = []
        self.granted: list[float] = []

    def count_call(self, now: float | None = None) -> None:
        """Note and count a call."""
        self.calls.append(asyncio.get_running_loop().time())
        super().count_call(now)

    def take(self) -> bool:
        """Note and grant an extra send."""
        granted = super().take()
        if granted:
            self.granted.append(asyncio.get_running_loop().time())
        return granted

    def is_kept(self) -> bool:
        """Whether the law held in the window of every grant."""
        for now in self.granted:
            begin = now - WINDOW_SECONDS
            extra = sum(begin < at <= now for at in self.granted)
            calls = sum(begin < at <= now for at in self.calls)
            if extra > self.ratio * calls + self.floor + 1e-9:
                return False
        return True


class TrickedWaiter:
    """A waiter whose task may be cancelled just as it gets its place."""

    def __init__(self, waiter: Waiter, chance: Random) -> None:
        """Stand between the bulkhead and a waiter."""
        self._waiter = waiter
        self._task = asyncio.current_task()
        self._chance = chance
        self.has_place = False

    def wake(self) -> bool:
        """Wake the waiter; perhaps cancel it in the same tick."""
        woken = self._waiter.wake()
        if self._chance.random() < 0.3 and self._task is not None:
            self._task.cancel()
        return woken


class TrickyBulkhead(Bulkhead):
    """A bulkhead whose waiters are cancelled at the worst moment."""

    def __init__(self, places: int, waiting: int, chance: Random) -> None:
        """Start with every place free."""
        super().__init__(places, waiting=waiting, wait_seconds=0.1)
        self._chance = chance
        self._tricked: dict[Waiter, TrickedWaiter] = {}

    def stand_in_line(self, waiter: Waiter) -> bool:
        """Let a tricked waiter stand in line instead."""
        tricked = self._tricked[waiter] = TrickedWaiter(waiter, self._chance)
        return super().stand_in_line(tricked)

    def give_up(self, waiter: Waiter) -> None:
        """Give up for the tricked one."""
        super().give_up(self._tricked.pop(waiter))


# -- what goes wrong in other libraries, one mutant each


class LeakingBulkhead(TrickyBulkhead):
    """Loses the place of a waiter cancelled in the tick of the hand-over."""

    def give_up(self, waiter: Waiter) -> None:
        """Forget the place."""
        if not self._tricked[waiter].has_place:
            super().give_up(waiter)


class DoublingBulkhead(TrickyBulkhead):
    """Gives the place of a waiter that gives up back, though it never had one."""

    def give_up(self, waiter: Waiter) -> None:
        """Give one place back too many."""
        super().give_up(waiter)
        self.leave()


class StaleBreaker(CircuitBreaker):
    """Counts late results of an earlier state in the state of now."""

    def done(self, token: Token, outcome: Outcome, seconds: float, now: float) -> None:
        """Take the result for one of this epoch."""
        if token.epoch != self._epoch:
            token = next(iter(self._under_way), self._token)
        super().done(token, outcome, seconds, now)


class HastyBreaker(CircuitBreaker):
    """Takes a cancelled attempt for a good one."""

    def done(self, token: Token, outcome: Outcome, seconds: float, now: float) -> None:
        """Count what says nothing as good."""
        super().done(token, "ok" if outcome == "neutral" else outcome, seconds, now)


class TouchyBreaker(CircuitBreaker):
    """Takes a cancelled attempt for a failed one."""

    def done(self, token: Token, outcome: Outcome, seconds: float, now: float) -> None:
        """Count what says nothing as failed."""
        super().done(token, "failed" if outcome == "neutral" else outcome, seconds, now)


class StuckBreaker(CircuitBreaker):
    """Never learns that a cancelled probe is over."""

    def done(self, token: Token, outcome: Outcome, seconds: float, now: float) -> None:
        """Overlook what says nothing."""
        if outcome != "neutral":
            super().done(token, outcome, seconds, now)


class CrowdedBreaker(CircuitBreaker):
    """Lets everybody through as soon as it is half open."""

    def _refusal(self, now: float) -> tuple[Rejection | None, BreakerChanged | None]:
        if self._state == "half_open":
            return None, None
        return super()._refusal(now)


class ImpatientBreaker(CircuitBreaker):
    """Stays open for half its time."""

    def _to(self, state: State, now: float) -> BreakerChanged:
        change = super()._to(state, now)
        self._open_until = now + (self._open_until - now) / 2
        return change


class GenerousBudget(SeenBudget):
    """Grants every extra send."""

    def take(self) -> bool:
        """Grant it."""
        super().take()
        self.granted.append(asyncio.get_running_loop().time())
        return True


MUTANTS: dict[str, type] = {
    "permit_leak": LeakingBulkhead,
    "permit_doubled": DoublingBulkhead,
    "stale_results": StaleBreaker,
    "cancelled_is_ok": HastyBreaker,
    "cancelled_is_failed": TouchyBreaker,
    "probe_never_ends": StuckBreaker,
    "probes_unbounded": CrowdedBreaker,
    "open_too_briefly": ImpatientBreaker,
    "budget_ignored": GenerousBudget,
}
