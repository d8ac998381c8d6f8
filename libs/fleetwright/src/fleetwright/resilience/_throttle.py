"""How much of the load to keep back from a provider that turns calls away."""

import math
import threading
from random import Random

from fleetwright.errors import DeclarationError
from fleetwright.resilience._policy import Policy, Rejection
from fleetwright.resilience._retry import RandomSource
from fleetwright.resilience._window import Window

_REQUESTS, _ACCEPTED = 0, 1
_THROTTLED = Rejection("throttle", "turns calls away: part of them is kept back here")


class Throttle(Policy):
    """Refuses attempts at random while the provider accepts too few of them.

    With `requests` attempts and `accepted` of them answered in the last
    `window_seconds`, an attempt is refused with the probability
    `max(0, (requests - multiplier * accepted) / (requests + 1))`, at most
    `highest_ratio` (Site Reliability Engineering, chapter 21, "Handling Overload").
    Attempts count when they begin, refused ones included; one that says nothing about
    the provider is taken back. Bounded by ten rows; safe to share between tasks and
    threads; never waits.
    """

    __slots__ = ("_highest_ratio", "_lock", "_multiplier", "_random", "_window")

    def __init__(
        self,
        *,
        multiplier: float = 2.0,
        window_seconds: float = 60.0,
        highest_ratio: float = 0.9,
        random: RandomSource | None = None,
    ) -> None:
        """Start with nothing counted.

        Args:
            multiplier: Requests for each accepted one before any is kept back; 1 or
                more.
            window_seconds: How far back attempts count, in seconds; above 0.
            highest_ratio: The largest share that is kept back, 0 up to, not including,
                1: some must go out, or it never learns that the provider is back.
            random: Where chance comes from; for tests.

        Raises:
            DeclarationError: A number is out of its range.
        """
        super().__init__()
        if not (
            1 <= multiplier < math.inf
            and 0 < window_seconds < math.inf
            and 0 <= highest_ratio < 1
        ):
            raise DeclarationError(
                f"Throttle(multiplier={multiplier}, window_seconds={window_seconds},"
                f" highest_ratio={highest_ratio}) is out of range",
                hint="use multiplier >= 1, window_seconds > 0 and"
                " 0 <= highest_ratio < 1, for example Throttle(multiplier=2.0)",
            )
        self._multiplier, self._highest_ratio = multiplier, highest_ratio
        # Chance is no secret: a fast generator will do.
        self._random: RandomSource = random or Random()  # noqa: S311
        self._window = Window(window_seconds, 2)
        self._lock = threading.Lock()

    def start(self, now: float) -> Rejection | None:
        """Count an attempt that is about to begin.

        Args:
            now: This moment, in seconds of `Clock.monotonic()`.

        Returns:
            The refusal, or None.
        """
        with self._lock:
            row = self._window.row(now)
            ratio = self._ratio()
            row[1 + _REQUESTS] += 1
        if ratio > 0 and self._random.uniform(0.0, 1.0) < ratio:
            return _THROTTLED
        return None

    def done(self, accepted: bool | None, now: float) -> None:
        """Learn how an attempt ended.

        Args:
            accepted: Whether the provider took it on; None takes the attempt back.
            now: This moment, in seconds of `Clock.monotonic()`.
        """
        with self._lock:
            row = self._window.row(now)
            if accepted:
                row[1 + _ACCEPTED] += 1
            elif accepted is None:
                # Which row it was counted in is not known; the oldest is gone soonest.
                oldest = self._window.oldest_with(_REQUESTS)
                if oldest is not None:
                    oldest[1 + _REQUESTS] -= 1

    def _ratio(self) -> float:
        requests = self._window.total(_REQUESTS)
        over = requests - self._multiplier * self._window.total(_ACCEPTED)
        return min(self._highest_ratio, max(0.0, over / (requests + 1)))

    def facts(self) -> dict[str, object]:
        """Return what /info shows: the share that is kept back now."""
        with self._lock:
            return {"ratio": round(self._ratio(), 3)}
