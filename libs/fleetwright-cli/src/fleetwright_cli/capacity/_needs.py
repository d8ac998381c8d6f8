"""From the cost of a request to what a rate of them needs, and what gives out first."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fleetwright_cli.capacity._costs import Costs, ServiceCost


@dataclass(frozen=True, slots=True)
class Limits:
    """What one of a thing can bear.

    Attributes:
        busy: How much of a core, of its places or of a lane may be used at most: beyond
            that, what waits grows faster than what is done.
        in_flight: Calls that a process answers at a time (MAX_IN_FLIGHT).
        pool: Connections to its database that a process may open.
        database: Connections that a database server takes.
        lanes: Lanes of a queue on RabbitMQ; as many consumers can hear.
        broker: Events a second that one broker node takes in and hands out, two cores
            of it (docs/design/0011: 17,800 heard alone, with publishing beside).
    """

    busy: float = 0.6
    in_flight: int = 8
    pool: int = 21
    database: int = 500
    lanes: int = 16
    broker: int = 10_000


@dataclass(frozen=True, slots=True)
class Need:
    """What one service needs.

    Attributes:
        service: Its name.
        replicas: How many processes.
        because: What decides that: `cpu`, `places`, `events` or `least`.
        cores: Of CPU, all together.
        memory: Bytes, all together.
        in_flight: Calls under way at a time, all together.
        pool: Connections to its database, at most; 0 without one.
        lanes: Lanes, or partitions, for what it hears; 0 when it hears nothing.
        bytes: Sent or written a second.
    """

    service: str
    replicas: int
    because: str
    cores: float
    memory: int
    in_flight: float
    pool: int
    lanes: int
    bytes: float


@dataclass(frozen=True, slots=True)
class Needs:
    """What a fleet needs for a rate of requests.

    Attributes:
        rate: Requests a second.
        services: The largest first.
        events: Events a second that the broker hands out.
        brokers: How many nodes of it that takes.
        bottleneck: What gives out first, in words.
    """

    rate: float
    services: Sequence[Need]
    events: float
    brokers: int
    bottleneck: str


def needs_at(
    costs: Costs,
    rate: float,
    limits: Limits,
    *,
    least: Mapping[str, int],
    with_database: frozenset[str],
) -> Needs:
    """Return what a rate of requests needs.

    Args:
        costs: What one costs.
        rate: Requests a second.
        limits: What one of a thing can bear.
        least: Fewest processes of a service; one where it is not named.
        with_database: The services that have a database each.
    """
    found = [
        _need(
            name,
            cost,
            rate,
            limits,
            least=least.get(name, 1),
            has_database=name in with_database,
        )
        for name, cost in costs.services.items()
    ]
    found.sort(key=lambda one: (-one.replicas, -one.cores, one.service))
    events = sum(one.events for one in costs.services.values()) * rate
    brokers = math.ceil(events / limits.broker)
    return Needs(rate, found, events, brokers, _bottleneck(found, limits))


def _need(
    name: str,
    cost: ServiceCost,
    rate: float,
    limits: Limits,
    *,
    least: int,
    has_database: bool,
) -> Need:
    """Return what one service needs."""
    in_flight = cost.calls * cost.call_seconds * rate
    hearing = cost.events * cost.event_seconds * rate
    # What is idle is spent by each process, whatever comes in.
    room = max(limits.busy - cost.idle_cpu, 0.1)
    wanted = {
        "least": least,
        "cpu": math.ceil(cost.cpu * rate / room),
        "places": math.ceil(in_flight / (limits.busy * limits.in_flight)),
        "events": math.ceil(hearing / limits.busy),
    }
    because = max(wanted, key=lambda one: wanted[one])
    replicas = wanted[because]
    return Need(
        service=name,
        replicas=replicas,
        because=because,
        cores=replicas * cost.idle_cpu + cost.cpu * rate,
        memory=replicas * cost.memory,
        in_flight=in_flight,
        pool=replicas * limits.pool if has_database else 0,
        lanes=max(1, wanted["events"]) if cost.events > 0 else 0,
        bytes=cost.bytes * rate,
    )


def _bottleneck(needs: Sequence[Need], limits: Limits) -> str:
    """Return what gives out first: what cannot be had more of, else what most is of."""
    hard = [
        (one.lanes / limits.lanes, f"{one.service} hears on {one.lanes} lanes, a queue")
        for one in needs
        if one.lanes > limits.lanes
    ]
    told = [(ratio, f"{words} of RabbitMQ has {limits.lanes}") for ratio, words in hard]
    told += [
        (
            one.pool / limits.database,
            f"the database of {one.service}: {one.pool} connections, a server takes "
            f"{limits.database}",
        )
        for one in needs
        if one.pool > limits.database
    ]
    if told:
        return max(told)[1]
    first = needs[0]
    what = {"cpu": "CPU", "places": "calls at a time", "events": "events it hears"}
    if first.because == "least":
        return "nothing: the fewest replicas are enough"
    return f"{what[first.because]} of {first.service}"
