"""Which connections may stay: so many at a time, none that keeps us waiting."""

import asyncio
import time
from collections.abc import Mapping
from typing import Final, Protocol

import structlog
from opentelemetry import metrics

from fleetwright._tally import Tally

SWEEP_SECONDS: Final = 0.25
STALLED_SECONDS: Final = 15.0  # nothing of an answer was taken for that long
CLOSING_SECONDS: Final = 5.0  # for what is still in the buffer of a closed one
QUIET_SECONDS: Final = 0.5  # silence after which nobody is about to send, as a rule
NEVER: Final = float("inf")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")
_refused = metrics.get_meter("fleetwright").create_counter(
    "fleetwright.requests.refused",
    unit="{request}",
    description="Requests and connections the server refused to read, by reason.",
)


class Connection(Protocol):
    """One connection, as those who watch it know it.

    Attributes:
        transport: What it sends by; None before it is made.
        due: When the client's time for the next step is over, `NEVER` while the next
            step is ours; seconds of `time.monotonic()`.
        waits: Whether it is the client's turn: no request is whole, no answer begun.
    """

    transport: asyncio.Transport
    due: float

    @property
    def waits(self) -> bool:
        """Whether it is the client's turn: no request is whole, no answer begun."""
        ...

    def time_is_up(self) -> None:
        """End the connection: the client kept us waiting."""
        ...

    def leave(self) -> None:
        """Say with the answer that is on its way that it is the last."""
        ...


class Connections:
    """The connections of one server.

    At most `maximum` are open; a new one takes the place of the one that has kept us
    waiting longest, and is closed at once when all of them are being answered. One
    timer serves all of them, and none runs while there are none.

    Attributes:
        maximum: How many may be open.
        refused: Counts what was refused, by reason.
        leaving: Whether each answer is the last of its connection: who is told so sends
            the next request to somebody else, and none into a closed connection.
        ending: Whether no new connections are taken; those that are left are waited
            for no longer than it takes a request to arrive.
        quiet_at: From when on a connection that has been silent since they were told to
            leave is not about to be used, as a rule; seconds of `time.monotonic()`.
    """

    def __init__(self, maximum: int) -> None:
        """Start without connections.

        Args:
            maximum: How many may be open.
        """
        self.maximum = maximum
        self.refused = Tally(_tell)
        self.leaving = False
        self.ending = False
        self.quiet_at = NEVER
        # In the order they began to wait for their first byte or the next request.
        self._open: dict[Connection, None] = {}
        self._stalled: dict[Connection, tuple[float, int]] = {}
        self._closing: dict[Connection, float] = {}
        self._sweeping = False

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._open)

    def accept(self, connection: Connection) -> bool:
        """Take a new connection in, if there is a place for it.

        Args:
            connection: The new one.

        Returns:
            Whether it may stay.
        """
        if len(self._open) >= self.maximum and not self._evict():
            self.refused.count("too_many_connections")
            return False
        self._open[connection] = None
        if not self._sweeping:
            self._sweep_later()
        return True

    def gone(self, connection: Connection) -> None:
        """Forget a connection; safe to call twice.

        Args:
            connection: The one that was lost.
        """
        self._open.pop(connection, None)
        self._stalled.pop(connection, None)
        self._closing.pop(connection, None)

    def leave(self) -> None:
        """Have each connection end with its next answer; new ones are still taken."""
        self.leaving = True
        self.quiet_at = time.monotonic() + QUIET_SECONDS
        for connection in self._open:
            connection.leave()

    def end(self) -> None:
        """Wait for nobody any longer than a request takes to arrive."""
        self.ending = True

    def patience(self, seconds: float) -> float:
        """Return how long a connection may be silent from now on.

        Args:
            seconds: How long it might be while the server goes on.
        """
        return min(seconds, QUIET_SECONDS) if self.ending else seconds

    def _evict(self) -> bool:
        """End the connection that waited longest; what is answered stays."""
        idle = [one for one in self._open if one.waits]
        if not idle:
            return False
        longest = min(idle, key=lambda one: one.due)
        self.refused.count("evicted")
        self.gone(longest)
        longest.transport.abort()
        return True

    def _sweep_later(self) -> None:
        self._sweeping = True
        asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        now = time.monotonic()
        for connection in list(self._open):
            if connection.transport.is_closing():
                if now > self._closing.setdefault(connection, now + CLOSING_SECONDS):
                    connection.transport.abort()
            elif now > connection.due:
                connection.time_is_up()
            elif self._is_stalled(connection, now):
                self.refused.count("answer_not_read")
                connection.transport.abort()
        self.refused.tell_if_due()
        if self._open or self.refused.untold:
            self._sweep_later()

    def _is_stalled(self, connection: Connection, now: float) -> bool:
        """Return whether the client has stopped taking what we send."""
        size = connection.transport.get_write_buffer_size()
        if not size:
            self._stalled.pop(connection, None)
            return False
        since, before = self._stalled.get(connection, (now, -1))
        if size < before or before < 0:  # a part of it was taken
            since = now
        self._stalled[connection] = (since, size)
        return now - since > STALLED_SECONDS


def _tell(since: Mapping[str, int]) -> None:
    for reason, count in since.items():
        _refused.add(count, {"reason": reason})
    _log.warning("requests.refused", **since)
