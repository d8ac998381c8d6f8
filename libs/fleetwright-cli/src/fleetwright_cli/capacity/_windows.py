"""Stretches of time with a fixed load, and the one that stands for several."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from fleetwright_cli.capacity._reading import Carried


@dataclass(frozen=True, slots=True)
class Use:
    """What one service used while load was on.

    Attributes:
        cpu: Seconds of CPU a second.
        memory: Bytes that were resident at the end.
        sockets: Most connections that were open at a time.
        written: Bytes a second that it sent or wrote.
        callers: Calls a second that it answered, by who called.
        effects: Calls a second that may have changed something.
        call_seconds: How long a call took, on average.
        topics: Events a second that it heard, by topic.
        event_seconds: How long hearing one took, on average.
    """

    cpu: float
    memory: float
    sockets: float
    written: float
    callers: Mapping[str, float]
    effects: float
    call_seconds: float
    topics: Mapping[str, float]
    event_seconds: float

    @property
    def calls(self) -> float:
        """Calls a second, whoever called."""
        return sum(self.callers.values())

    @property
    def events(self) -> float:
        """Events a second, of all topics."""
        return sum(self.topics.values())


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time with a fixed load.

    Attributes:
        rate: Requests a second that were sent.
        lost: How many of them failed.
        uses: By service.
        carried: What the broker took in a second, by topic.
    """

    rate: float
    lost: int
    uses: Mapping[str, Use]
    carried: Mapping[str, Carried]


def typical(windows: Sequence[Window]) -> Window:
    """Return the medians of windows with the same load.

    Args:
        windows: At least one; of the same services.
    """
    names = windows[0].uses
    return Window(
        rate=median(one.rate for one in windows),
        lost=sum(one.lost for one in windows),
        uses={name: _use([one.uses[name] for one in windows]) for name in names},
        carried=_carried([one.carried for one in windows]),
    )


def _use(uses: Sequence[Use]) -> Use:
    def middle(of: Callable[[Use], float]) -> float:
        return median(of(one) for one in uses)

    return Use(
        cpu=middle(lambda one: one.cpu),
        memory=middle(lambda one: one.memory),
        sockets=middle(lambda one: one.sockets),
        written=middle(lambda one: one.written),
        callers=_counts([one.callers for one in uses]),
        effects=middle(lambda one: one.effects),
        call_seconds=middle(lambda one: one.call_seconds),
        topics=_counts([one.topics for one in uses]),
        event_seconds=middle(lambda one: one.event_seconds),
    )


def _counts(counts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = sorted({name for one in counts for name in one})
    return {name: median(one.get(name, 0.0) for one in counts) for name in names}


def _carried(found: Sequence[Mapping[str, Carried]]) -> dict[str, Carried]:
    nothing = Carried(0.0, 0.0)
    names = sorted({name for one in found for name in one})
    return {
        name: Carried(
            median(one.get(name, nothing).events for one in found),
            median(one.get(name, nothing).bytes for one in found),
        )
        for name in names
    }
