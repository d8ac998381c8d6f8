"""When to stop asking a provider, and how to find out that it is back."""

import math
import threading
from collections.abc import Callable
from random import Random
from typing import Literal

import structlog

from fleetwright._clock import clock
from fleetwright.errors import DeclarationError
from fleetwright.resilience._events import BreakerChanged, report
from fleetwright.resilience._policy import Outcome, Policy, Rejection
from fleetwright.resilience._retry import RandomSource
from fleetwright.resilience._window import BUCKETS, Window

log = structlog.get_logger()

State = Literal["closed", "open", "half_open", "isolated"]
_CALLS, _FAILED, _SLOW = range(3)
_SPREAD = 0.1  # open times are spread, so that callers do not come back together
_DOUBLINGS_MAXIMUM = 16
_CLOSING: Rejection = Rejection("breaker", "is being probed after an outage")
_ISOLATED: Rejection = Rejection("breaker", "is isolated by hand")


class Token:
    """Leave to make one attempt; it is worth something in one epoch only.

    Attributes:
        epoch: The epoch of the breaker in which it was given.
    """

    __slots__ = ("epoch",)

    def __init__(self, epoch: int) -> None:
        """Keep the epoch."""
        self.epoch = epoch


class CircuitBreaker(Policy):
    """Stops calls to a provider that fails, and probes it until it is back.

    *Closed*: attempts of the last `window_seconds` are counted in ten buckets. It opens
    when `minimum_calls` were counted and `failure_ratio` of them failed or `slow_ratio`
    of them were slow, or after `consecutive_failures` in a row. *Open*: nothing is sent
    for `min(longest_open_seconds, open_seconds * 2 ** trips)`, give or take a tenth;
    `trips` counts how often it opened since it was last closed. *Half open*: at most
    `probes` attempts at a time; after `successes` good ones it closes, after one bad,
    slow or unfinished one it opens again.

    Every change begins a new epoch; a result that belongs to an earlier one changes
    nothing. An attempt that was cancelled, or cut by the caller's own deadline, says
    nothing about the provider and is not counted. One object stands for one provider
    in one process. Safe to share between tasks and threads; never waits.
    """

    __slots__ = (
        "_bad_until",
        "_consecutive",
        "_epoch",
        "_failure_ratio",
        "_failures_in_a_row",
        "_good_probes",
        "_lock",
        "_longest_open_seconds",
        "_metrics_only",
        "_minimum_calls",
        "_on_change",
        "_open_seconds",
        "_open_until",
        "_probe_seconds",
        "_probes",
        "_random",
        "_slow_ratio",
        "_slow_seconds",
        "_state",
        "_successes",
        "_token",
        "_trips",
        "_under_way",
        "_window",
    )

    def __init__(
        self,
        *,
        failure_ratio: float = 0.5,
        minimum_calls: int = 20,
        window_seconds: float = 10.0,
        consecutive_failures: int = 10,
        slow_seconds: float | None = None,
        slow_ratio: float = 1.0,
        open_seconds: float = 5.0,
        longest_open_seconds: float = 60.0,
        probes: int = 1,
        successes: int = 3,
        probe_seconds: float | None = None,
        metrics_only: bool = False,
        on_change: Callable[[str, str], None] | None = None,
        random: RandomSource | None = None,
    ) -> None:
        """Start closed.

        Args:
            failure_ratio: Share of failed attempts that opens it, above 0 up to 1.
            minimum_calls: Attempts in the window before a share means anything; 1 or
                more.
            window_seconds: How far back attempts count, in seconds.
            consecutive_failures: Failures in a row that open it; 1 or more.
            slow_seconds: From when on an attempt is slow, in seconds; None for never.
            slow_ratio: Share of slow attempts that opens it, above 0 up to 1.
            open_seconds: How long it stays open the first time, in seconds.
            longest_open_seconds: The longest it stays open at a time, in seconds.
            probes: Attempts at a time while it is half open; 1 or more.
            successes: Good probes that close it; 1 or more.
            probe_seconds: After how long an unfinished probe counts as failed, in
                seconds; twice the limit of one attempt when left out.
            metrics_only: Count and report, but never open.
            on_change: Called with the former and the new state after each change, in no
                lock; what it raises is logged.
            random: Where the spread comes from; for tests.

        Raises:
            DeclarationError: A number is out of its range.
        """
        super().__init__()
        _check(  # nan is in no range
            0 < failure_ratio <= 1 and 0 < slow_ratio <= 1,
            f"failure_ratio={failure_ratio}, slow_ratio={slow_ratio}",
            "give shares above 0 up to 1, for example failure_ratio=0.5",
        )
        _check(
            min(minimum_calls, consecutive_failures, probes, successes) >= 1,
            f"minimum_calls={minimum_calls},"
            f" consecutive_failures={consecutive_failures}, probes={probes},"
            f" successes={successes}",
            "count at least 1 of each",
        )
        waits = (window_seconds, open_seconds, longest_open_seconds)
        _check(
            all(0 < seconds < math.inf for seconds in waits)
            and all(
                limit is None or limit > 0 for limit in (slow_seconds, probe_seconds)
            )
            and open_seconds <= longest_open_seconds,
            f"window_seconds={window_seconds}, open_seconds={open_seconds},"
            f" longest_open_seconds={longest_open_seconds},"
            f" slow_seconds={slow_seconds}, probe_seconds={probe_seconds}",
            "give seconds above 0, and open_seconds up to longest_open_seconds",
        )
        self._failure_ratio, self._slow_ratio = failure_ratio, slow_ratio
        self._minimum_calls, self._consecutive = minimum_calls, consecutive_failures
        self._slow_seconds = math.inf if slow_seconds is None else slow_seconds
        self._open_seconds, self._longest_open_seconds = waits[1:]
        self._probes, self._successes = probes, successes
        self._probe_seconds = probe_seconds
        self._metrics_only, self._on_change = metrics_only, on_change
        # The spread is no secret: a fast generator will do.
        self._random: RandomSource = random or Random()  # noqa: S311
        self._window, self._lock = Window(window_seconds, 3), threading.Lock()
        self._state: State = "closed"
        self._epoch, self._token = 0, Token(0)
        self._trips = self._failures_in_a_row = self._good_probes = 0
        self._open_until, self._bad_until = 0.0, 0  # a moment; a bucket
        self._under_way: dict[Token, float] = {}

    # -- before and after an attempt

    def peek(self, now: float) -> Rejection | None:
        """Tell whether an attempt would be refused, before it stands in any line.

        Args:
            now: This moment, in seconds of `Clock.monotonic()`.

        Returns:
            The refusal, or None.
        """
        if self._state == "closed":
            return None
        with self._lock:
            refused, change = self._refusal(now)
        self._tell(change)
        return refused

    def acquire(self, now: float) -> Token | Rejection:
        """Ask for leave to make one attempt.

        Args:
            now: This moment, in seconds of `Clock.monotonic()`.

        Returns:
            A token that must be given to `done` exactly once, or the refusal.
        """
        # One token serves all attempts of a closed epoch: they are only counted.
        token = self._token
        if self._state == "closed" and token.epoch == self._epoch:
            return token
        with self._lock:
            refused, change = self._refusal(now)
            token = self._token
            if refused is None and self._state != "closed":
                if self._state == "open":
                    change = self._to("half_open", now)
                token = Token(self._epoch)
                self._under_way[token] = now
        self._tell(change)
        return refused or token

    def done(self, token: Token, outcome: Outcome, seconds: float, now: float) -> None:
        """Learn how an attempt ended.

        Args:
            token: What `acquire` returned.
            outcome: `ok`, `failed`, or `neutral` where it says nothing about the
                provider.
            seconds: How long the attempt took.
            now: This moment, in seconds of `Clock.monotonic()`.
        """
        if outcome == "ok" and self._counted_as_good(token, seconds, now):
            return
        with self._lock:
            if token.epoch != self._epoch:
                return  # a late result of an earlier epoch
            if self._state != "closed":
                change = self._probed(token, outcome, seconds, now)
            elif outcome != "neutral":
                change = self._counted(outcome, seconds, now)
            else:
                return
        self._tell(change)

    def _counted_as_good(self, token: Token, seconds: float, now: float) -> bool:
        """Count a good answer while there are no others: the usual case, and fast."""
        window = self._window
        row = window.newest
        if (
            self._bad_until <= row[0] == int(now / window.width_seconds)
            and token.epoch == self._epoch
            and self._state == "closed"
            and not self._failures_in_a_row
            and seconds < self._slow_seconds
        ):
            row[1 + _CALLS] += 1  # one that is lost to a race changes no share
            return True
        return False

    # -- by hand

    def isolate(self) -> None:
        """Refuse everything until `release()`; `metrics_only` does not weaken it."""
        with self._lock:
            change = self._to("isolated", clock().monotonic())
        self._tell(change)

    def release(self) -> None:
        """Close it, with nothing counted."""
        with self._lock:
            change = self._to("closed", clock().monotonic())
        self._tell(change)

    @property
    def state(self) -> str:
        """`closed`, `open`, `half_open` or `isolated`."""
        return self._state

    def facts(self) -> dict[str, object]:
        """Return what /info shows: the state, and what was counted in the window."""
        with self._lock:
            self._window.row(clock().monotonic())
            return {
                "state": self._state,
                "epoch": self._epoch,
                "calls": self._window.total(_CALLS),
                "failed": self._window.total(_FAILED),
                "slow": self._window.total(_SLOW),
            }

    def fit(self, attempt_seconds: float | None) -> None:
        """Learn how long one attempt may take, for the limit of a probe.

        Args:
            attempt_seconds: The limit, in seconds; None when there is none.
        """
        if self._probe_seconds is None and attempt_seconds is not None:
            self._probe_seconds = 2 * attempt_seconds

    # -- the state machine; everything below runs in the lock but `_tell`

    def _refusal(self, now: float) -> tuple[Rejection | None, BreakerChanged | None]:
        """Return the refusal of an attempt at this moment, and a change of state."""
        change = None
        if self._state == "half_open" and self._is_stuck(now):
            change = self._to("open", now)
        if self._state == "isolated":
            return _ISOLATED, change
        if self._state == "open" and now < self._open_until:
            after = self._open_until - now
            return Rejection("breaker", "fails: its circuit is open", after), change
        if self._state == "half_open":
            busy = len(self._under_way)
            if busy >= self._probes or self._good_probes + busy >= self._successes:
                return _CLOSING, change
        return None, change

    def _is_stuck(self, now: float) -> bool:
        """Tell whether a probe is under way for too long; else it would wedge us."""
        limit = self._probe_seconds
        return limit is not None and any(
            now - began > limit for began in self._under_way.values()
        )

    def _counted(
        self, outcome: Outcome, seconds: float, now: float
    ) -> BreakerChanged | None:
        row = self._window.row(now)
        row[1 + _CALLS] += 1
        is_slow = seconds >= self._slow_seconds
        if outcome == "failed":
            row[1 + _FAILED] += 1
            self._failures_in_a_row += 1
        else:
            self._failures_in_a_row = 0
        row[1 + _SLOW] += is_slow
        if outcome == "failed" or is_slow:
            self._bad_until = row[0] + BUCKETS
        if self._metrics_only or not self._is_bad():
            return None
        return self._to("open", now)

    def _is_bad(self) -> bool:
        if self._failures_in_a_row >= self._consecutive:
            return True
        window = self._window
        calls = window.total(_CALLS)
        if calls < self._minimum_calls:
            return False
        if window.total(_FAILED) >= self._failure_ratio * calls:
            return True
        return window.total(_SLOW) >= self._slow_ratio * calls

    def _probed(
        self, token: Token, outcome: Outcome, seconds: float, now: float
    ) -> BreakerChanged | None:
        if self._under_way.pop(token, None) is None or outcome == "neutral":
            return None
        if outcome == "failed" or seconds >= self._slow_seconds:
            return self._to("open", now)
        self._good_probes += 1
        if self._good_probes < self._successes:
            return None
        return self._to("closed", now)

    def _to(self, state: State, now: float) -> BreakerChanged:
        before, self._state = self._state, state
        self._epoch += 1
        self._token = Token(self._epoch)
        self._under_way = {}
        self._good_probes = self._failures_in_a_row = 0
        if state == "open":
            doubled = self._open_seconds * 2 ** min(self._trips, _DOUBLINGS_MAXIMUM)
            seconds = min(self._longest_open_seconds, doubled)
            spread = self._random.uniform(1 - _SPREAD, 1 + _SPREAD)
            self._open_until = now + seconds * spread
            self._trips += 1
        elif state == "closed":
            self._window.clear()
            self._bad_until = self._trips = 0
        return BreakerChanged(self._owner or "breaker", before, state, self._epoch)

    def _tell(self, change: BreakerChanged | None) -> None:
        """Report a change that is already stored; in no lock."""
        if change is None:
            return
        report(change, self._listener)
        if self._on_change is None:
            return
        try:
            self._on_change(change.from_state, change.to_state)
        except Exception:
            log.exception("listener.failed", pipeline=change.pipeline)


def _check(holds: bool, numbers: str, hint: str) -> None:
    if not holds:
        raise DeclarationError(
            f"CircuitBreaker({numbers}) is out of range",
            hint=hint,
        )
