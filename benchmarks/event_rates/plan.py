"""What is run on a broker: ours, and beside it the peers where they can run."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy.exc import SQLAlchemyError

from event_rates.job import Job
from event_rates.places import LANES
from event_rates.processes import Broken
from event_rates.runs import Rates, end_to_end, publishing

PUBLISHERS = 16
TOGETHER = 10  # events a transaction, in the second shape
PREFETCH = 32  # messages handled at a time, where order does not count
PACED_PER_SECOND, PACED_SECONDS = 200, 4
IDLE_EVENTS, IDLE_PAUSE_SECONDS = 150, 0.02
PUBLISHED_ALONE = 20  # times as many: else it is the beginning that is measured

OURS, OURS_TOGETHER = "ours", f"ours, {TOGETHER} a transaction"
BY_HAND = "by hand, in order"
BY_HAND_TOGETHER = f"by hand, {TOGETHER} a transaction"
BY_HAND_UNORDERED = f"by hand, {PREFETCH} at once"
PLAIN = "plain"
OURS_IDLE = "ours, idle"
OUR_RELAY, PUBLISHING = "our relay alone", "FastStream publishing alone"


@dataclass(frozen=True, slots=True)
class Run:
    """One run, not begun.

    Attributes:
        name: What it is called.
        way: The module that plays the roles.
        job: What is asked.
        publishes: Whether only the publishing is measured.
    """

    name: str
    way: str
    job: Job
    publishes: bool = False

    def rates(self, postgres: str) -> Rates:
        """Run it.

        Args:
            postgres: Where databases are made; empty for SQLite files.

        Returns:
            The rates.

        Raises:
            Broken: Its figures mean nothing, or a server is not there.
        """
        measure = publishing if self.publishes else end_to_end
        try:
            return measure(self.way, self.job, postgres)
        except (OSError, SQLAlchemyError) as error:
            raise Broken(f"a server is not there: {error}") from error


def plan(broker: str, count: int) -> list[Run]:
    """Return the runs on one broker.

    Args:
        broker: Its URL; empty for the embedded one, where there are no peers.
        count: Events of a run at full speed.
    """
    runs = _plan(broker, count)
    return [run for run in runs if broker or run.way == "ours"]


def _plan(broker: str, count: int) -> Iterator[Run]:
    full = Job(broker=broker, count=count, publishers=PUBLISHERS)
    together = replace(full, a_transaction=TOGETHER)
    yield Run(OURS, "ours", full)
    yield Run(BY_HAND, "by_hand", replace(full, lanes=LANES))
    if broker.startswith("amqp"):  # Kafka hands out a partition in order, or not at all
        yield Run(BY_HAND_UNORDERED, "by_hand", replace(full, prefetch=PREFETCH))
    yield Run(PLAIN, "plain", replace(full, prefetch=PREFETCH))
    yield Run(OURS_TOGETHER, "ours", together)
    yield Run(BY_HAND_TOGETHER, "by_hand", replace(together, lanes=LANES))
    pause = PUBLISHERS / PACED_PER_SECOND
    paced = replace(full, count=PACED_PER_SECOND * PACED_SECONDS, pause_seconds=pause)
    idle = Job(broker=broker, count=IDLE_EVENTS, pause_seconds=IDLE_PAUSE_SECONDS)
    for name, slow in (("paced", paced), ("idle", idle)):
        yield Run(f"ours, {name}", "ours", slow)
        yield Run(f"by hand, {name}", "by_hand", replace(slow, lanes=LANES))
        yield Run(f"plain, {name}", "plain", replace(slow, prefetch=PREFETCH))
    alone = Job(broker=broker, count=PUBLISHED_ALONE * count)
    yield Run(OUR_RELAY, "ours", alone, publishes=True)
    yield Run(PUBLISHING, "plain", alone, publishes=True)
