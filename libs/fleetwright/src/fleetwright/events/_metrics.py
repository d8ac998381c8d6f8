"""What is counted and measured of events; names of OpenTelemetry where it has some.

Counters and histograms are fed as things happen. How much waits is looked up by the
relay and the redeliverer, and only while somebody reads it.
"""

from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Mapping,
    MutableSequence,
    Sequence,
)
from datetime import datetime
from functools import cache
from typing import NamedTuple
from weakref import WeakSet

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from fleetwright._clock import clock
from fleetwright.events._envelope import Message

FRESH_SECONDS = 10.0
_SYSTEMS = {"RabbitBroker": "rabbitmq", "KafkaBroker": "kafka"}
Attributes = Mapping[str, str]

_meter = metrics.get_meter("fleetwright")
_sent = _meter.create_counter(
    "messaging.client.sent.messages",
    unit="{message}",
    description="Events the relay gave to the broker; with `error.type` those refused.",
)
_processing = _meter.create_histogram(
    "messaging.process.duration",
    unit="s",
    description="Time from the receipt of an event to its commit or its parking.",
)
_handled = _meter.create_counter(
    "fleetwright.events.handled",
    unit="{event}",
    description="Deliveries by outcome: handled, duplicate, parked, dead, unheard.",
)
_redelivered = _meter.create_counter(
    "fleetwright.events.redelivered",
    unit="{event}",
    description="Parked events that were tried again, by outcome.",
)
_age = _meter.create_histogram(
    "fleetwright.events.age",
    unit="s",
    description="Age of an event when its effects are committed.",
)
_batch = _meter.create_histogram(
    "fleetwright.outbox.batch_size",
    unit="{event}",
    description="How many events the relay carries at a time.",
)


def relayed(system: str, messages: Sequence[Message], refused: Collection[str]) -> None:
    """Count a batch that the relay has given to the broker.

    Args:
        system: The broker, from `system_of`.
        messages: What was given.
        refused: The ids of those it did not take.
    """
    _batch.record(len(messages))
    for message in messages:
        _sent.add(1, _sending(system, message.topic, message.id in refused))


class Heard(NamedTuple):
    """What became of one delivery; a tuple, as one is made for every event.

    Attributes:
        message: What came in.
        outcome: What became of it.
        seconds: From its receipt to the end of its transaction.
        error: What went wrong, `Class: words`; None when nothing did.
    """

    message: Message
    outcome: str
    seconds: float
    error: str | None


def heard(group: str, broker: object, done: MutableSequence[Heard]) -> None:
    """Count deliveries and measure how long they took.

    Args:
        group: Who heard.
        broker: Where they came from.
        done: What became of them; empty afterwards.
    """
    system, now = system_of(broker), clock().now()
    for message, outcome, seconds, error in done:
        kind = error and error.partition(":")[0]
        _processing.record(seconds, _process(system, message.topic, kind))
        _handled.add(1, _outcome(group, message.topic, outcome))
        if outcome == "handled":
            _measure_age(group, message, now)
    done.clear()


def redelivered(group: str, message: Message, outcome: str) -> None:
    """Count a parked event that was tried again.

    Args:
        group: Who heard.
        message: What was tried.
        outcome: What became of it: handled, parked or dead.
    """
    _redelivered.add(1, _outcome(group, message.topic, outcome))
    if outcome == "handled":
        _measure_age(group, message, clock().now())


def _measure_age(group: str, message: Message, now: float) -> None:
    try:
        told_at = datetime.fromisoformat(message.headers.get("time", ""))
    except ValueError:
        return  # not ours to complain: it was published elsewhere
    age = max(0.0, now - told_at.timestamp())
    _age.record(age, _heard(group, message.topic))


def system_of(broker: object) -> str:
    """Return what OpenTelemetry calls a broker in `messaging.system`.

    Args:
        broker: Any of ours.
    """
    return _SYSTEMS.get(type(broker).__name__, "fleetwright")


# Made once for each topic: a service knows a few dozen.
@cache
def _sending(system: str, topic: str, is_refused: bool) -> Attributes:
    found = {
        "messaging.system": system,
        "messaging.operation.name": "send",
        "messaging.destination.name": topic,
    }
    return found | {"error.type": "refused"} if is_refused else found


@cache
def _process(system: str, topic: str, error: str | None) -> Attributes:
    found = {
        "messaging.system": system,
        "messaging.operation.name": "process",
        "messaging.destination.name": topic,
    }
    return found if error is None else found | {"error.type": error}


@cache
def _outcome(group: str, topic: str, outcome: str) -> Attributes:
    return {"group": group, "topic": topic, "outcome": outcome}


@cache
def _heard(group: str, topic: str) -> Attributes:
    return {"group": group, "topic": topic}


class Waiting:
    """How much waits somewhere, as it was looked up last.

    Attributes:
        counts: By metric and attributes (in order), how much.
        since: By metric, when the oldest was published, in seconds since 1970.
    """

    def __init__(self) -> None:
        """Know nothing, and be asked by whoever reads metrics."""
        self.counts: dict[str, dict[tuple[tuple[str, str], ...], int]] = {}
        self.since: dict[str, float | None] = {}
        self._is_wanted = False
        self._looked_at = float("-inf")
        _all.add(self)

    def is_due(self) -> bool:
        """Return whether somebody has read it and it is ten seconds old."""
        now = clock().monotonic()
        # A clock that went back is another clock: tests install their own.
        if not self._is_wanted or 0 <= now - self._looked_at < FRESH_SECONDS:
            return False
        self._is_wanted, self._looked_at = False, now
        return True

    def told(self, metric: str) -> dict[tuple[tuple[str, str], ...], int]:
        """Return the counts of a metric, and remember that they were read.

        Args:
            metric: Its name.
        """
        self._is_wanted = True
        return self.counts.get(metric, {})

    def age_seconds(self, metric: str) -> float | None:
        """Return how long the oldest has waited; None where nobody has looked yet.

        Args:
            metric: Its name.
        """
        self._is_wanted = True
        if metric not in self.since:
            return None
        since = self.since[metric]
        return 0.0 if since is None else max(0.0, clock().now() - since)


_all: WeakSet[Waiting] = WeakSet()


def _counts_of(metric: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        sums: dict[tuple[tuple[str, str], ...], int] = {}
        for one in tuple(_all):
            for attributes, count in one.told(metric).items():
                sums[attributes] = sums.get(attributes, 0) + count
        return [Observation(count, dict(key)) for key, count in sums.items()]

    return observe


def _age_of(metric: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        ages = [one.age_seconds(metric) for one in tuple(_all)]
        known = [age for age in ages if age is not None]
        return [Observation(max(known))] if known else []

    return observe


_meter.create_observable_gauge(
    "fleetwright.outbox.pending",
    [_counts_of("fleetwright.outbox.pending")],
    unit="{event}",
    description="Events that were published and are not known to be with the broker.",
)
_meter.create_observable_gauge(
    "fleetwright.outbox.refused",
    [_counts_of("fleetwright.outbox.refused")],
    unit="{event}",
    description="Events that the broker refused for good.",
)
_meter.create_observable_gauge(
    "fleetwright.outbox.oldest_age",
    [_age_of("fleetwright.outbox.oldest_age")],
    unit="s",
    description="How long the oldest event has waited for the broker.",
)
_meter.create_observable_gauge(
    "fleetwright.events.parked",
    [_counts_of("fleetwright.events.parked")],
    unit="{event}",
    description="Events that wait for another try.",
)
_meter.create_observable_gauge(
    "fleetwright.events.dead",
    [_counts_of("fleetwright.events.dead")],
    unit="{event}",
    description="Events that are tried no more.",
)
_meter.create_observable_gauge(
    "fleetwright.events.lag",
    [_counts_of("fleetwright.events.lag")],
    unit="{event}",
    description="Messages of the broker that the group has not heard yet.",
)
