"""What is counted and measured: numbers in place, read when somebody asks.

Safe to feed from several threads. Each instrument keeps at most 2,000 combinations of
attributes; what comes then is counted as one, marked `otel.metric.overflow`.
"""

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace.propagation import _SPAN_KEY

from fleetwright import _spans
from fleetwright._answered import Alike
from fleetwright._telemetry._span import Span

Kind = Literal["counter", "sum", "gauge", "histogram"]
Key = tuple[tuple[str, Any], ...]

MOST_SERIES: Final = 2_000
OVERFLOW: Final[Key] = (("otel.metric.overflow", True),)
SECONDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0),
)
_OTHERS: Final = (
    *(0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0),
    *(1000.0, 2500.0, 5000.0, 7500.0, 10000.0),
)


class Exemplar(NamedTuple):
    """One measurement that belongs to a trace that is recorded.

    Attributes:
        value: What was measured.
        at: When, in nanoseconds since 1970.
        trace_id: The trace, 32 hexadecimal digits.
        span_id: The span, 16 hexadecimal digits.
    """

    value: float
    at: int
    trace_id: str
    span_id: str


class Cell:
    """One histogram: how many measurements fell between which bounds.

    Attributes:
        counts: By bucket, one more than there are bounds.
        total: The sum of all.
        least: The smallest.
        most: The largest.
        exemplars: The last one of each bucket that belongs to a trace.
    """

    __slots__ = ("counts", "exemplars", "least", "most", "total")

    def __init__(self, buckets: int) -> None:
        """Begin with nothing measured."""
        self.counts = [0] * buckets
        self.total = 0.0
        self.least = float("inf")
        self.most = float("-inf")
        self.exemplars: dict[int, Exemplar] = {}


class Instrument:
    """One metric: its series by their attributes.

    Attributes:
        name: What is counted or measured.
        unit: In what.
        description: What it means.
        kind: How its numbers are meant.
        bounds: Of a histogram, the upper bounds of its buckets.
    """

    def __init__(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        kind: Kind,
        bounds: Sequence[float] | None = None,
        callbacks: Iterable[Callable[[CallbackOptions], Iterable[Observation]]] = (),
    ) -> None:
        """Begin with nothing."""
        self.name, self.unit, self.description = name, unit, description
        self.kind = kind
        self.bounds = tuple(bounds or (SECONDS if unit == "s" else _OTHERS))
        self._callbacks = list(callbacks)
        self._numbers: dict[Key, float] = {}
        self._cells: dict[Key, Cell] = {}
        self._known: dict[object, Cell] = {}  # by the very object, where it comes again
        self._lock = threading.Lock()

    def add(
        self,
        amount: float,
        attributes: Mapping[str, Any] | None = None,
        context: object = None,
    ) -> None:
        """Count some more."""
        key = tuple(attributes.items()) if attributes else ()
        with self._lock:
            numbers = self._numbers
            if key not in numbers and len(numbers) >= MOST_SERIES:
                key = OVERFLOW
            numbers[key] = numbers.get(key, 0) + amount

    def set(
        self,
        amount: float,
        attributes: Mapping[str, Any] | None = None,
        context: object = None,
    ) -> None:
        """Say how much there is now."""
        key = tuple(attributes.items()) if attributes else ()
        with self._lock:
            if key in self._numbers or len(self._numbers) < MOST_SERIES:
                self._numbers[key] = amount

    def record(
        self,
        amount: float,
        attributes: Mapping[str, Any] | None = None,
        context: object = None,
    ) -> None:
        """Take one measurement."""
        known = attributes if attributes.__class__ is Alike else None
        bucket = bisect_left(self.bounds, amount)
        with self._lock:
            cell = self._known.get(known)
            if cell is None:
                cell = self._cell_of(attributes, known)
            cell.counts[bucket] += 1
            cell.total += amount
            if amount < cell.least:
                cell.least = amount
            if amount > cell.most:
                cell.most = amount
            if _spans.tracer is not None:
                span = _spans.current().get(_SPAN_KEY)
                if isinstance(span, Span) and span.trail.is_drawn:
                    ids = span.trail.id, span.id
                    cell.exemplars[bucket] = Exemplar(amount, time.time_ns(), *ids)

    def _cell_of(
        self, attributes: Mapping[str, Any] | None, known: object | None
    ) -> Cell:
        """Return a series by its attributes, new ones as well."""
        key = tuple(attributes.items()) if attributes else ()
        if key not in self._cells and len(self._cells) >= MOST_SERIES:
            key = OVERFLOW
        cell = self._cells.setdefault(key, Cell(len(self.bounds) + 1))
        if known is not None and len(self._known) < MOST_SERIES:
            self._known[known] = cell
        return cell

    def numbers(self) -> dict[Key, float]:
        """Return what was counted, or is there now, by attributes."""
        if self._callbacks:
            found: dict[Key, float] = {}
            for callback in self._callbacks:
                for seen in callback(CallbackOptions()):
                    found[_key(seen.attributes)] = seen.value
            return found
        with self._lock:
            merged: dict[Key, float] = {}
            for key, number in self._numbers.items():
                same = _in_order(key)
                merged[same] = merged.get(same, 0) + number
            return merged

    def cells(self) -> dict[Key, Cell]:
        """Return what was measured, by attributes; a copy that nobody changes."""
        found: dict[Key, Cell] = {}
        with self._lock:
            for key, cell in self._cells.items():
                copy = found.setdefault(_in_order(key), Cell(len(cell.counts)))
                copy.counts = [
                    a + b for a, b in zip(copy.counts, cell.counts, strict=True)
                ]
                copy.total += cell.total
                copy.least = min(copy.least, cell.least)
                copy.most = max(copy.most, cell.most)
                copy.exemplars |= cell.exemplars
                cell.exemplars = {}
        return found


def _key(attributes: Mapping[str, Any] | None) -> Key:
    return _in_order(tuple((attributes or {}).items()))


def _in_order(key: Key) -> Key:
    """Return attributes in one order: who counts may say them in any."""
    return tuple(sorted(key))
