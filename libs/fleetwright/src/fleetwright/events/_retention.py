"""Retention: how long what was heard, and what was given up, is remembered."""

from dataclasses import dataclass

from fleetwright.errors import DeclarationError

_DAY_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the rows of events stay in a service's database.

    Attributes:
        inbox_seconds: How long the inbox knows what was heard. An event that comes
            again later than that has its effects again: longer than the broker keeps
            messages, and the longest outage on top.
        dead_seconds: How long dead events are kept for `fleet events replay`; they
            stay until they are replayed or discarded when None.
        refused_seconds: The same of events that the broker refused.
    """

    inbox_seconds: float = 7 * _DAY_SECONDS
    dead_seconds: float | None = None
    refused_seconds: float | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            DeclarationError: One of them is not above 0.
        """
        ages = (self.inbox_seconds, self.dead_seconds, self.refused_seconds)
        if any(age is not None and age <= 0 for age in ages):
            raise DeclarationError(
                f"{self!r} keeps nothing",
                where="Retention(...)",
                hint="give each age in seconds, above 0; None keeps forever",
            )
