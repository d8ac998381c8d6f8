"""What one request costs each service: lines through what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fleetwright_cli.capacity._measuring import Use, Window

TICKS = 0.02  # of CPU a second: less than that cannot be told apart
TOLERATED = 0.25


@dataclass(frozen=True, slots=True)
class ServiceCost:
    """What one service needs, for nothing and for each request of the fleet.

    Attributes:
        idle_cpu: Cores, whatever is asked.
        cpu: Seconds of CPU a request.
        memory: Bytes of one process under load.
        sockets: Connections of one process under load.
        bytes: Bytes sent or written a request.
        calls: Calls that it answers a request.
        call_seconds: How long one takes.
        events: Events that it hears a request.
        event_seconds: How long hearing one takes.
    """

    idle_cpu: float
    cpu: float
    memory: int
    sockets: int
    bytes: float
    calls: float
    call_seconds: float
    events: float
    event_seconds: float

    def cores_at(self, rate: float) -> float:
        """Return how many cores one process would need.

        Args:
            rate: Requests a second that come in.
        """
        return self.idle_cpu + self.cpu * rate


@dataclass(frozen=True, slots=True)
class Costs:
    """What a request costs a fleet.

    Attributes:
        asked: The service that is asked.
        rates: At which rates that was measured.
        services: By name.
    """

    asked: str
    rates: Sequence[float]
    services: Mapping[str, ServiceCost]


@dataclass(frozen=True, slots=True)
class Check:
    """What was reckoned for a rate beside what was measured at it.

    Attributes:
        service: Whose CPU.
        rate: Requests a second.
        reckoned: Cores.
        measured: Cores.
    """

    service: str
    rate: float
    reckoned: float
    measured: float

    @property
    def error(self) -> float:
        """How far off it is; little use is no error."""
        if max(self.reckoned, self.measured) < TICKS:
            return 0.0
        return (self.reckoned - self.measured) / max(self.measured, TICKS)

    @property
    def is_close(self) -> bool:
        """Whether it can be relied on."""
        return abs(self.error) <= TOLERATED


def costs_of(asked: str, windows: Sequence[Window]) -> Costs:
    """Return what a request costs, by the lines nearest to what was measured.

    Args:
        asked: The service that was asked.
        windows: At several rates; the last with load tells memory and connections.
    """
    rates = [one.rate for one in windows]
    busiest = max(windows, key=lambda one: one.rate)
    services = {
        name: _cost(rates, [one.uses[name] for one in windows], use)
        for name, use in busiest.uses.items()
    }
    loaded = [rate for rate in rates if rate > 0]
    return Costs(asked, loaded, services)


def checked(costs: Costs, window: Window) -> list[Check]:
    """Return what was reckoned beside what was measured, for all and each service.

    Args:
        costs: Measured at other rates.
        window: Measured now.
    """
    found = [
        Check(name, window.rate, costs.services[name].cores_at(window.rate), use.cpu)
        for name, use in window.uses.items()
        if name in costs.services
    ]
    reckoned = sum(one.reckoned for one in found)
    measured = sum(one.measured for one in found)
    return [Check("all", window.rate, reckoned, measured), *found]


def line(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """Return where the nearest line begins, and how steep it is.

    Args:
        xs: Where; not all the same.
        ys: How much.
    """
    middle, height = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - middle) ** 2 for x in xs)
    if spread == 0:
        return height, 0.0
    steep = (
        sum((x - middle) * (y - height) for x, y in zip(xs, ys, strict=True)) / spread
    )
    return height - steep * middle, steep


def _cost(rates: Sequence[float], uses: Sequence[Use], busiest: Use) -> ServiceCost:
    idle, cpu = line(rates, [one.cpu for one in uses])
    return ServiceCost(
        idle_cpu=max(0.0, idle),
        cpu=max(0.0, cpu),
        memory=busiest.memory,
        sockets=busiest.sockets,
        bytes=max(0.0, line(rates, [one.written for one in uses])[1]),
        calls=max(0.0, line(rates, [one.calls for one in uses])[1]),
        call_seconds=busiest.call_seconds,
        events=max(0.0, line(rates, [one.events for one in uses])[1]),
        event_seconds=busiest.event_seconds,
    )
