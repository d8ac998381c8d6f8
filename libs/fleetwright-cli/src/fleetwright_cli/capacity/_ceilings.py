"""What gives out first: what more replicas do not give more of, and at which rate."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fleetwright_cli.capacity._needs import Model, Need, Needs

_HIGHEST = 1e12  # requests a second; what bears that has no end


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Something that is used up at some rate of requests.

    Attributes:
        service: Whose.
        what: What is used up, in words.
        rate: Highest number of requests a second that it bears.
        mend: What to do about it.
    """

    service: str
    what: str
    rate: float
    mend: str


def ceilings(model: Model) -> list[Ceiling]:
    """Return what gives out as the rate grows, the first first.

    Args:
        model: What needs are reckoned from.
    """
    found = [one for name in model.services for one in _of(model, name)]
    return sorted(found, key=lambda one: (one.rate, one.service, one.what))


def bottleneck(needs: Needs, found: list[Ceiling]) -> str:
    """Return what decides what a rate needs, in words.

    Args:
        needs: What it needs.
        found: What gives out, the first first.
    """
    if found and found[0].rate < needs.rate:
        first = found[0]
        return f"{first.service}: {first.what}"
    driven = [one for one in needs.services if one.because != "least"]
    if not driven:
        return "nothing: the fewest replicas are enough"
    first_need = max(driven, key=lambda one: (one.replicas, one.cores))
    what = {"cpu": "CPU", "places": "calls at a time"}[first_need.because]
    return f"{what} of {first_need.service}"


def _of(model: Model, name: str) -> Iterator[Ceiling]:
    """Yield what gives out of a service."""
    limits = model.limits

    def below(amount: Callable[[Need], float], limit: float) -> float:
        return highest(lambda rate: amount(model.need(name, rate)) <= limit)

    rate = below(lambda one: one.pool, limits.connections)
    if math.isfinite(rate):
        yield Ceiling(
            name,
            f"its database takes {limits.connections:,} connections",
            rate,
            "put PgBouncer before it, or give a process a smaller Pool(size, overflow)",
        )
    rate = below(lambda one: one.commits, limits.commits)
    if math.isfinite(rate):
        yield Ceiling(
            name,
            f"one PostgreSQL writes {limits.commits:,} transactions a second",
            rate,
            "split its rows over several databases, by customer say; a faster disk",
        )
    rate = below(lambda one: one.lanes, limits.lanes) if limits.lanes else math.inf
    if math.isfinite(rate):
        yield Ceiling(
            name,
            f"a queue of RabbitMQ has {limits.lanes} lanes to hear on",
            rate,
            "Kafka has as many partitions as you give it; or a shorter reaction",
        )


def highest(bears: Callable[[float], bool]) -> float:
    """Return the highest rate that is borne; infinite when all are, 0 when none is.

    Args:
        bears: Tells it of a rate; of none above one that is not borne.
    """
    low, high = 0.0, 1.0
    if not bears(low):
        return 0.0
    while bears(high):
        low, high = high, high * 2
        if high > _HIGHEST:
            return math.inf
    for _ in range(60):
        middle = (low + high) / 2
        if bears(middle):
            low = middle
        else:
            high = middle
    return low
