"""Meter: our instruments behind OpenTelemetry's API, for the library and everybody."""

from collections.abc import Sequence
from typing import Any

from opentelemetry import metrics

from fleetwright._telemetry._instruments import Instrument, Kind


class Counter(Instrument, metrics.Counter):
    """Counts what only grows."""


class UpDownCounter(Instrument, metrics.UpDownCounter):
    """Counts what comes and goes."""


class Histogram(Instrument, metrics.Histogram):
    """Measures, and keeps how many fell between which bounds."""


class Gauge(Instrument, metrics._Gauge):
    """Says how much there is."""


class ObservableCounter(Instrument, metrics.ObservableCounter):
    """Is asked for what only grows."""


class ObservableUpDownCounter(Instrument, metrics.ObservableUpDownCounter):
    """Is asked for what comes and goes."""


class ObservableGauge(Instrument, metrics.ObservableGauge):
    """Is asked how much there is."""


class Meter(metrics.Meter):
    """Makes instruments; the same one again for the same name."""

    def __init__(self, name: str, version: str = "") -> None:
        """Make instruments for somebody.

        Args:
            name: Who counts and measures.
            version: In which version.
        """
        super().__init__(name, version)
        self.scope = name, version
        self.instruments: dict[str, Instrument] = {}

    def _made(self, make: type[Any], kind: Kind, name: str, **said: Any) -> Any:
        found = self.instruments.get(name)
        if not isinstance(found, make):
            found = self.instruments[name] = make(name, kind=kind, **said)
        return found

    def create_counter(self, name: str, unit: str = "", description: str = "") -> Any:
        """Return a counter."""
        return self._made(Counter, "counter", name, unit=unit, description=description)

    def create_up_down_counter(
        self, name: str, unit: str = "", description: str = ""
    ) -> Any:
        """Return a counter that can go down."""
        said = {"unit": unit, "description": description}
        return self._made(UpDownCounter, "sum", name, **said)

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> Any:
        """Return a histogram."""
        bounds = explicit_bucket_boundaries_advisory
        said = {"unit": unit, "description": description, "bounds": bounds}
        return self._made(Histogram, "histogram", name, **said)

    def create_gauge(self, name: str, unit: str = "", description: str = "") -> Any:
        """Return a gauge."""
        return self._made(Gauge, "gauge", name, unit=unit, description=description)

    def create_observable_counter(
        self, name: str, callbacks: Any = None, unit: str = "", description: str = ""
    ) -> Any:
        """Return a counter that is asked."""
        said = {"unit": unit, "description": description, "callbacks": callbacks or ()}
        return self._made(ObservableCounter, "counter", name, **said)

    def create_observable_up_down_counter(
        self, name: str, callbacks: Any = None, unit: str = "", description: str = ""
    ) -> Any:
        """Return a counter that can go down and is asked."""
        said = {"unit": unit, "description": description, "callbacks": callbacks or ()}
        return self._made(ObservableUpDownCounter, "sum", name, **said)

    def create_observable_gauge(
        self, name: str, callbacks: Any = None, unit: str = "", description: str = ""
    ) -> Any:
        """Return a gauge that is asked."""
        said = {"unit": unit, "description": description, "callbacks": callbacks or ()}
        return self._made(ObservableGauge, "gauge", name, **said)


class MeterProvider(metrics.MeterProvider):
    """Hands out meters, and knows them all.

    Attributes:
        meters: By name and version.
        is_set: Whether it is the one of this process.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.meters: dict[tuple[str, str], Meter] = {}
        self.is_set = False

    @property
    def all(self) -> tuple[Meter, ...]:
        """The meters there are by now."""
        return tuple(self.meters.values())

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
    ) -> metrics.Meter:
        """Return the meter of somebody who counts and measures."""
        scope = name, version or ""
        return self.meters.setdefault(scope, Meter(*scope))
