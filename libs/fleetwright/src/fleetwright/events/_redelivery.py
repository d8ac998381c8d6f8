"""Redelivery: how often again, after how long, then dead."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from fleetwright.errors import DeclarationError

_SCHEDULE = (1, 5, 30, 120, 600, 3600, 3600, 3600)  # in multiples of first_seconds
_JITTER_RATIO = 0.2


@dataclass(frozen=True, slots=True)
class Redelivery:
    """When a failed event is tried again, and when it is given up.

    The waits are 1 s, 5 s, 30 s, 2 min, 10 min and then hourly, each 20 % more or less;
    `first_seconds` stretches or shrinks them all.

    Attributes:
        attempts: How often it is tried, the first time included; 1 is never again.
        first_seconds: The first wait, in seconds.
        on_dead: What becomes of later events of the key once one is given up: `block`
            keeps them parked in order, `release` lets them go on.
    """

    attempts: int = 9
    first_seconds: float = 1.0
    on_dead: Literal["block", "release"] = "block"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            DeclarationError: One of them makes no sense.
        """
        if self.attempts < 1 or self.first_seconds <= 0:
            raise DeclarationError(
                f"{self!r} is no schedule",
                where="Redelivery(...)",
                hint="attempts=1 or more, first_seconds above 0",
            )
        if self.on_dead not in ("block", "release"):
            raise DeclarationError(
                f"on_dead={self.on_dead!r} is not known",
                where="Redelivery(...)",
                hint='use on_dead="block" or on_dead="release"',
            )

    def wait_seconds(self, attempts_made: int, random: Random) -> float | None:
        """Return how long to wait before the next attempt.

        Args:
            attempts_made: How often it was tried, 1 or more.
            random: Where the jitter comes from.

        Returns:
            Seconds, or None when it is given up.
        """
        if attempts_made >= self.attempts:
            return None
        jitter = random.uniform(1 - _JITTER_RATIO, 1 + _JITTER_RATIO)
        return _step(attempts_made) * self.first_seconds * jitter

    def longest_wait_seconds(self, attempts_made: int) -> float:
        """Return how long to wait before the next attempt at most.

        Args:
            attempts_made: How often it was tried; 0 for what waits behind another one.

        Returns:
            Seconds; 0 where nothing was tried.
        """
        if attempts_made == 0:
            return 0.0
        return _step(attempts_made) * self.first_seconds * (1 + _JITTER_RATIO)


def _step(attempts_made: int) -> float:
    return _SCHEDULE[min(attempts_made, len(_SCHEDULE)) - 1]
