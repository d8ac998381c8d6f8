"""From the cost of a request to what a rate of them needs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fleetwright_cli.capacity._costs import Costs, ServiceCost

DAY_SECONDS = 86_400
LEAST_ROOM = 0.1  # of a core, however much a process uses when idle


@dataclass(frozen=True, slots=True)
class Limits:
    """What one of a thing can bear.

    Attributes:
        busy: How much of a core, of its places or of a lane may be used at most: beyond
            that, what waits grows faster than what is done.
        connections: What a database server takes.
        commits: Transactions that change something, a second, that one database
            server writes; replicas of it only read.
        lanes: Of a queue; as many consumers can hear. 0 for as many as one likes.
        broker_events: Events a second that one broker node takes in and hands out.
        broker_bytes: Bytes a second that it does.
    """

    busy: float = 0.6
    connections: int = 500
    commits: int = 5_000
    lanes: int = 16
    broker_events: int = 10_000
    broker_bytes: int = 100_000_000


@dataclass(frozen=True, slots=True)
class Site:
    """What is known of a service beside its costs.

    Attributes:
        least: Fewest processes.
        in_flight: Calls that a process answers at a time (MAX_IN_FLIGHT).
        pool: Connections to its database that a process may open; 0 without one.
        publishes: The topics that it publishes.
    """

    least: int = 1
    in_flight: int = 8
    pool: int = 0
    publishes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Need:
    """What one service needs.

    Attributes:
        service: Its name.
        replicas: How many processes.
        because: What decides that: `cpu`, `places` or `least`.
        cores: Of CPU, all together.
        memory: Bytes, all together.
        calls: Calls a second that it answers.
        in_flight: Calls under way at a time, all together.
        sockets: Connections of any kind, all together.
        pool: Connections to its database, at most; 0 without one.
        commits: Transactions a second that change its database; 0 without one.
        events: Events a second that it hears.
        lanes: Lanes, or partitions, for what it hears; 0 when it hears nothing.
        bytes: Sent or written a second.
    """

    service: str
    replicas: int
    because: str
    cores: float
    memory: float
    calls: float
    in_flight: float
    sockets: float
    pool: int
    commits: float
    events: float
    lanes: int
    bytes: float


@dataclass(frozen=True, slots=True)
class BrokerNeed:
    """What the broker needs.

    Attributes:
        taken: Events a second that it takes in.
        handed: Events a second that it hands out.
        bytes_in: Bytes a second that it takes in: headers and bodies.
        bytes_out: Bytes a second that it hands out.
        disk_a_day: Bytes a day that it keeps, on each node that has a copy.
        nodes: How many of it.
    """

    taken: float
    handed: float
    bytes_in: float
    bytes_out: float
    disk_a_day: float
    nodes: int


@dataclass(frozen=True, slots=True)
class Needs:
    """What a fleet needs for a rate of requests.

    Attributes:
        rate: Requests a second.
        services: The largest first.
        broker: What the broker needs.
    """

    rate: float
    services: Sequence[Need]
    broker: BrokerNeed

    @property
    def cores(self) -> float:
        """Of CPU, of all services."""
        return sum(one.cores for one in self.services)


@dataclass(frozen=True, slots=True)
class Model:
    """What needs are reckoned from.

    Attributes:
        costs: What a request costs.
        limits: What one of a thing can bear.
        sites: What is known of the services; those that are not among them are no
            part of the fleet, like an issuer that stands in for another.
    """

    costs: Costs
    limits: Limits = field(default_factory=Limits)
    sites: Mapping[str, Site] = field(default_factory=dict)

    def at(self, rate: float) -> Needs:
        """Return what a rate of requests needs.

        Args:
            rate: Requests a second.
        """
        found = [self.need(name, rate) for name in self.services]
        found.sort(key=lambda one: (-one.replicas, -one.cores, one.service))
        return Needs(rate, found, self._broker(rate))

    @property
    def services(self) -> list[str]:
        """The services that were measured and are in the fleet."""
        return [name for name in self.costs.services if name in self.sites]

    def need(self, name: str, rate: float) -> Need:
        """Return what one service needs.

        Args:
            name: Of the service.
            rate: Requests a second, of the fleet.
        """
        cost, site, limits = self.costs.services[name], self.sites[name], self.limits
        in_flight = cost.calls * cost.call_seconds * rate
        # What is idle is spent by each process, whatever comes in.
        room = max(limits.busy - cost.cpu.idle, LEAST_ROOM)
        wanted = {
            "least": site.least,
            "cpu": math.ceil(cost.cpu.each * rate / room),
            "places": math.ceil(in_flight / (limits.busy * site.in_flight)),
        }
        because = max(wanted, key=lambda one: wanted[one])
        replicas = wanted[because]
        return Need(
            service=name,
            replicas=replicas,
            because=because,
            cores=replicas * cost.cpu.idle + cost.cpu.each * rate,
            memory=replicas * cost.memory,
            calls=cost.calls * rate,
            in_flight=in_flight,
            sockets=replicas * self.costs.sockets_at(name, rate / replicas),
            pool=replicas * site.pool,
            commits=self._commits(cost, site, rate) if site.pool else 0.0,
            events=cost.events * rate,
            lanes=self._lanes(cost, replicas, rate) if cost.events else 0,
            bytes=replicas * cost.written.idle + cost.written.each * rate,
        )

    def _commits(self, cost: ServiceCost, site: Site, rate: float) -> float:
        """Return transactions a second, none of them shared.

        A call that changes something has one, an event that is heard, and one that is
        taken from the outbox.
        """
        carried = self.costs.carried
        published = sum(
            one.events for topic, one in carried.items() if topic in site.publishes
        )
        return (cost.effects + cost.events + published) * rate

    def _lanes(self, cost: ServiceCost, replicas: int, rate: float) -> int:
        """Return lanes that suffice: events of one follow each other.

        A process hears on several of them at once; one that has nothing else to do
        needs a lane to be of any use.
        """
        busy = cost.events * cost.event_seconds * rate
        least = 1 if cost.calls else replicas
        return max(least, math.ceil(busy / self.limits.busy))

    def _broker(self, rate: float) -> BrokerNeed:
        carried = self.costs.carried
        bytes_each = {
            topic: one.bytes / one.events
            for topic, one in carried.items()
            if one.events > 0
        }
        taken = sum(one.events for one in carried.values()) * rate
        bytes_in = sum(one.bytes for one in carried.values()) * rate
        heard = [self.costs.services[name].topics for name in self.services]
        handed = sum(sum(one.values()) for one in heard) * rate
        bytes_out = rate * sum(
            each * bytes_each.get(topic, 0.0)
            for one in heard
            for topic, each in one.items()
        )
        return BrokerNeed(
            taken=taken,
            handed=handed,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            disk_a_day=bytes_in * DAY_SECONDS,
            nodes=max(
                math.ceil(max(taken, handed) / self.limits.broker_events),
                math.ceil((bytes_in + bytes_out) / self.limits.broker_bytes),
            ),
        )
