"""What one request costs each service: lines through what was measured."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from fleetwright_cli.capacity._reading import Carried
from fleetwright_cli.capacity._windows import Use, Window


@dataclass(frozen=True, slots=True)
class Line:
    """How a quantity grows with the rate of requests.

    Attributes:
        idle: What it is without any, a second; never less than nothing.
        each: What each request adds.
    """

    idle: float
    each: float

    def at(self, rate: float) -> float:
        """Return the quantity at a rate.

        Args:
            rate: Requests a second.
        """
        return self.idle + self.each * rate


@dataclass(frozen=True, slots=True)
class ServiceCost:
    """What one process of a service needs, for nothing and for each request.

    Attributes:
        cpu: Cores.
        memory: Bytes of one process under load.
        sockets: Connections that it keeps open whatever is under way.
        written: Bytes sent or written.
        callers: Calls that it answers a request, by who calls.
        effects: Those of them that may change something.
        call_seconds: How long a call takes.
        topics: Events that it hears a request, by topic.
        event_seconds: How long hearing one takes.
    """

    cpu: Line
    memory: float
    sockets: float
    written: Line
    callers: Mapping[str, float]
    effects: float
    call_seconds: float
    topics: Mapping[str, float]
    event_seconds: float

    @property
    def calls(self) -> float:
        """Calls that it answers a request, whoever calls."""
        return sum(self.callers.values())

    @property
    def events(self) -> float:
        """Events that it hears a request, of all topics."""
        return sum(self.topics.values())


@dataclass(frozen=True, slots=True)
class Costs:
    """What a request costs a fleet.

    Attributes:
        asked: The services that are asked, each for an equal part.
        rates: At which rates that was measured.
        services: By name.
        carried: What the broker takes in a request, by topic.
    """

    asked: Sequence[str]
    rates: Sequence[float]
    services: Mapping[str, ServiceCost]
    carried: Mapping[str, Carried]

    def sockets_at(self, name: str, rate: float) -> float:
        """Return the most connections of a process that are open at a time.

        Each call that is answered or made has one; calls come when they like.

        Args:
            name: Of the service.
            rate: Requests a second that this process has a part in.
        """
        own = self.services[name]
        under_way = [own.calls * own.call_seconds]
        under_way += [
            one.callers.get(name, 0.0) * one.call_seconds
            for one in self.services.values()
        ]
        return own.sockets + sum(_most(each * rate) for each in under_way)


def costs_of(asked: Sequence[str], windows: Sequence[Window]) -> Costs:
    """Return what a request costs, by the lines nearest to what was measured.

    Args:
        asked: The services that were asked.
        windows: At several rates; the busiest tells memory and times.
    """
    rates = [one.rate for one in windows]
    busiest = max(windows, key=lambda one: one.rate)
    services = {
        name: _cost(rates, [one.uses[name] for one in windows], use)
        for name, use in busiest.uses.items()
    }
    nothing = Carried(0.0, 0.0)
    carried = {
        topic: Carried(
            _each(rates, [one.carried.get(topic, nothing).events for one in windows]),
            _each(rates, [one.carried.get(topic, nothing).bytes for one in windows]),
        )
        for topic in busiest.carried
    }
    loaded = [round(rate, 2) for rate in rates if rate > 0]
    found = Costs(list(asked), loaded, services, carried)
    kept = {
        name: replace(cost, sockets=max(0.0, _kept(found, name, busiest)))
        for name, cost in services.items()
    }
    return replace(found, services=kept)


def line(xs: Sequence[float], ys: Sequence[float]) -> Line:
    """Return the line nearest to points that neither begins nor goes below nothing.

    Args:
        xs: Where.
        ys: How much.
    """
    middle, height = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - middle) ** 2 for x in xs)
    if spread == 0:
        return Line(max(0.0, height), 0.0)
    both = zip(xs, ys, strict=True)
    each = sum((x - middle) * (y - height) for x, y in both) / spread
    if each <= 0:
        return Line(max(0.0, height), 0.0)
    if (idle := height - each * middle) >= 0:
        return Line(idle, each)
    # Through nothing, then: the nearest of the lines that begin there.
    squares = sum(x * x for x in xs)
    return Line(0.0, sum(x * y for x, y in zip(xs, ys, strict=True)) / squares)


def _kept(costs: Costs, name: str, window: Window) -> float:
    """Return how many connections are open beside those of calls under way."""
    calling = costs.sockets_at(name, window.rate) - costs.services[name].sockets
    return window.uses[name].sockets - calling


def _most(average: float) -> float:
    """Return how many are under way at most when that many are on average.

    What comes at random is 1 time in 700 more than three deviations above its average.
    """
    return average + 3 * math.sqrt(average)


def _each(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return what a request adds to what there is none of without any."""
    squares = sum(x * x for x in xs)
    return sum(x * y for x, y in zip(xs, ys, strict=True)) / squares if squares else 0.0


def _cost(rates: Sequence[float], uses: Sequence[Use], busiest: Use) -> ServiceCost:
    def through(of: Callable[[Use], float]) -> Line:
        return line(rates, [of(one) for one in uses])

    def counts(of: Callable[[Use], Mapping[str, float]]) -> dict[str, float]:
        names = sorted({name for one in uses for name in of(one)})
        found = {
            name: _each(rates, [of(one).get(name, 0.0) for one in uses])
            for name in names
        }
        return {name: each for name, each in found.items() if each > 0}

    return ServiceCost(
        cpu=through(lambda one: one.cpu),
        memory=busiest.memory,
        sockets=busiest.sockets,
        written=through(lambda one: one.written),
        callers=counts(lambda one: one.callers),
        effects=_each(rates, [one.effects for one in uses]),
        call_seconds=busiest.call_seconds,
        topics=counts(lambda one: one.topics),
        event_seconds=busiest.event_seconds,
    )
