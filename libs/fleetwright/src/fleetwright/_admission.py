"""Whether a call may come in: few at a time, and what matters most comes first."""

import threading
from collections.abc import Iterable, Mapping
from typing import Final

import structlog
from opentelemetry import metrics

from fleetwright._clock import clock
from fleetwright._context import CRITICALITIES, Criticality
from fleetwright._tally import Tally

# How much of the limit each may fill: what matters less is turned away first.
SHARES: Final[dict[Criticality, float]] = {
    "critical": 1.0,
    "default": 0.9,
    "sheddable": 0.7,
    "batch": 0.5,
}
YIELD_SECONDS: Final = 0.25
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")
_shed = metrics.get_meter("fleetwright").create_counter(
    "fleetwright.calls.shed",
    unit="{call}",
    description="Calls turned away because the service was full, by criticality.",
)


class Admission:
    """The places a service has for calls in flight.

    At most `limit` calls are in flight, at most `SHARES` of it taken by calls of one
    criticality and those below. Each call that is turned away takes one place more from
    all that matter less; they get it back a quarter of a second after the last one. So
    what matters most gets what it needs, also where the rest would fill its share ten
    times over. Nothing waits for a place: who gets none is told at once, which costs a
    few microseconds. Sheds are logged as one line a second. Safe to use from several
    threads.

    Attributes:
        limit: How many calls may be in flight.
        in_flight: How many hold a place.
    """

    def __init__(self, limit: int) -> None:
        """Start with every place free.

        Args:
            limit: How many calls may be in flight, at least 1. As a rule what fits
                into 30 ms of CPU: a handler that costs 4 ms gets 8; `fleet bench
                limit` measures it.
        """
        self.limit = limit
        self.in_flight = 0
        # To the nearest place, so that ordinary callers keep all of a tiny limit; from
        # 5 places on the last one is kept for what is critical.
        self._places = {
            name: max(1, round(limit * share)) for name, share in SHARES.items()
        }
        self._open = dict(self._places)  # what each may fill just now
        self._everybody = min(self._places.values())
        self._is_yielding = False
        self._yields_until = 0.0
        self._lock = threading.Lock()
        self._tally = Tally(self._tell)

    @property
    def shed(self) -> dict[str, int]:
        """How many calls were turned away so far, by criticality."""
        return dict.fromkeys(CRITICALITIES, 0) | self._tally.total

    def admit(self, criticality: Criticality = "default") -> bool:
        """Take a place, if there is one for a call of this kind.

        Args:
            criticality: How much the call matters.

        Returns:
            Whether the call may come in; then `leave` must follow, once.
        """
        with self._lock:
            if self._is_yielding:
                self._recover()
            if self.in_flight < self._open[criticality]:
                self.in_flight += 1
                return True
            self._yield_to(criticality)
        self._tally.count(criticality)
        return False

    def admit_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Take a place for a request; headers are read only when places get scarce.

        Args:
            headers: Names in lower case and values, as in an ASGI scope.

        Returns:
            Whether the call may come in; then `leave` must follow, once.
        """
        with self._lock:
            if self.in_flight < self._everybody:
                self.in_flight += 1
                return True
        return self.admit(criticality_in(headers))

    def go_on(self) -> None:
        """Take a place though there may be none, for a call that has begun already.

        `leave` must follow, once.
        """
        with self._lock:
            self.in_flight += 1

    def leave(self) -> None:
        """Give a place back."""
        with self._lock:
            self.in_flight -= 1
        if self._tally.untold:
            self._tally.tell_if_due()

    def close(self) -> None:
        """Tell what was not told yet."""
        self._tally.tell()

    def facts(self) -> dict[str, object]:
        """Return limit, calls in flight and calls turned away, for `/info`."""
        return {
            "limit": self.limit,
            "in_flight": self.in_flight,
            "shed": self.shed,
        }

    def _yield_to(self, turned_away: Criticality) -> None:
        """Take a place from all that matter less than a call that got none."""
        below = CRITICALITIES[CRITICALITIES.index(turned_away) + 1 :]
        for name in below:
            self._open[name] = max(0, self._open[name] - 1)
        if below:
            self._everybody = min(self._open.values())
            self._is_yielding = True
            self._yields_until = clock().monotonic() + YIELD_SECONDS

    def _recover(self) -> None:
        """Give places back, one for every quiet while."""
        quiet_seconds = clock().monotonic() - self._yields_until
        if -YIELD_SECONDS <= quiet_seconds < 0:
            return  # further back is another clock: tests install their own
        given = 1 + int(max(0.0, quiet_seconds) / YIELD_SECONDS)
        for name, places in self._places.items():
            self._open[name] = min(places, self._open[name] + given)
        self._everybody = min(self._open.values())
        self._is_yielding = self._open != self._places
        self._yields_until = clock().monotonic() + YIELD_SECONDS

    def _tell(self, since: Mapping[str, int]) -> None:
        """Count and log what was turned away."""
        for name, count in since.items():
            _shed.add(count, {"criticality": name})
        _log.warning("calls.shed", limit=self.limit, **since)


def criticality_in(headers: Iterable[tuple[bytes, bytes]]) -> Criticality:
    """Return how much a request matters.

    Args:
        headers: Names in lower case and values, as in an ASGI scope.

    Returns:
        What `Fleet-Criticality` says; `default` where it is missing or malformed.
    """
    for name, value in headers:
        if name == b"fleet-criticality":
            word = value.decode("latin-1").strip(" \t")
            return word if word in CRITICALITIES else "default"
    return "default"
