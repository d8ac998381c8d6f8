"""Timeout: the longest wait for a whole call, or for one attempt."""

import math

from fleetwright.errors import DeclarationError
from fleetwright.resilience._policy import Policy


class Timeout(Policy):
    """A limit in time.

    Outside of `Retry` it is the limit of the whole call, waits included; inside, of one
    attempt. The deadline of the call being answered counts when it is earlier.

    Attributes:
        seconds: The limit, in seconds.
    """

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        """Keep the limit.

        Args:
            seconds: The limit, in seconds; more than 0 and finite.

        Raises:
            DeclarationError: The limit is no limit.
        """
        super().__init__()
        if not 0 < seconds < math.inf:
            raise DeclarationError(
                f"Timeout({seconds}) is no limit",
                hint="give seconds above 0, for example Timeout(2.0); a pipeline"
                " without a limit says so: Pipeline(..., unbounded_because='...')",
            )
        self.seconds = float(seconds)
