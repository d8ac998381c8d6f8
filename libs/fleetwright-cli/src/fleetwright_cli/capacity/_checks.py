"""What was reckoned for a rate beside what was measured at it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fleetwright_cli.capacity._costs import Costs
from fleetwright_cli.capacity._windows import Window

TOLERATED = 0.25
ALL, BROKER = "all", "broker"
# Less than that cannot be told apart from nothing within a few seconds.
FLOORS = {
    "CPU": 0.02,  # cores: the clock of a process ticks a hundred times a second
    "memory": 1.0,
    "sockets": 8.0,  # two more or less are a quarter
    "written": 4096.0,
    "calls": 1.0,
    "events": 1.0,
    "event bytes": 512.0,
}


@dataclass(frozen=True, slots=True)
class Check:
    """What was reckoned for a rate beside what was measured at it.

    Attributes:
        service: Whose; `all` of them, or the `broker`.
        quantity: Of what: a key of `FLOORS`.
        rate: Requests a second.
        reckoned: Cores, bytes, connections, or how many a second.
        measured: The same.
    """

    service: str
    quantity: str
    rate: float
    reckoned: float
    measured: float

    @property
    def counts(self) -> bool:
        """Whether it is more than a trifle."""
        return max(self.reckoned, self.measured) >= FLOORS[self.quantity]

    @property
    def error(self) -> float:
        """How far off it is; a trifle is no error."""
        if not self.counts:
            return 0.0
        least = FLOORS[self.quantity]
        return (self.reckoned - self.measured) / max(self.measured, least)

    @property
    def is_close(self) -> bool:
        """Whether it can be relied on."""
        return abs(self.error) <= TOLERATED


def fell_behind(checks: Sequence[Check]) -> list[str]:
    """Return the services that heard fewer events than came: they had too little CPU.

    Args:
        checks: Of one rate.
    """
    return [
        one.service
        for one in checks
        if one.quantity == "events" and one.error > TOLERATED
    ]


def checked(costs: Costs, window: Window) -> list[Check]:
    """Return what was reckoned beside what was measured: of all, of each, the broker's.

    Args:
        costs: Measured at other rates.
        window: Measured now.
    """
    found = list(_each(costs, window))
    cpu = [one for one in found if one.quantity == "CPU"]
    reckoned = sum(one.reckoned for one in cpu)
    measured = sum(one.measured for one in cpu)
    whole = Check(ALL, "CPU", window.rate, reckoned, measured)
    return [whole, *found, *_broker(costs, window)]


def _each(costs: Costs, window: Window) -> Iterator[Check]:
    rate = window.rate
    for name, use in window.uses.items():
        if name not in costs.services:
            continue
        cost = costs.services[name]
        yield Check(name, "CPU", rate, cost.cpu.at(rate), use.cpu)
        yield Check(name, "memory", rate, cost.memory, use.memory)
        sockets = costs.sockets_at(name, rate)
        yield Check(name, "sockets", rate, sockets, use.sockets)
        yield Check(name, "written", rate, cost.written.at(rate), use.written)
        yield Check(name, "calls", rate, cost.calls * rate, use.calls)
        yield Check(name, "events", rate, cost.events * rate, use.events)


def _broker(costs: Costs, window: Window) -> Iterator[Check]:
    rate, reckoned, measured = window.rate, costs.carried, window.carried
    yield Check(
        BROKER,
        "events",
        rate,
        sum(one.events for one in reckoned.values()) * rate,
        sum(one.events for one in measured.values()),
    )
    yield Check(
        BROKER,
        "event bytes",
        rate,
        sum(one.bytes for one in reckoned.values()) * rate,
        sum(one.bytes for one in measured.values()),
    )
