"""The brokers every rule is tried on, and what each of them lacks, with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Feature(StrEnum):
    """What a broker may offer and need not."""

    LATE_GROUPS = "a new group hears what was published before it came"
    UNHEARD = "what nobody heard yet waits for the first group that will"
    DURABLE = "messages outlive everybody who uses the broker"
    ACROSS = "a lane carries all topics: a key keeps its order across them"
    COUNTS = "it can tell how much waits for a group"
    HISTORY = "what was heard can be heard again"
    SERVER = "there is a server that can end and come back"
    PROCESSES = "several processes use one broker"
    SHARES = "the members of a group work at the same time"
    IDS = "a message that is published twice is kept once"
    LIMITS = "a message may be too large"
    CLOSES = "there is a connection to close"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of broker.

    Attributes:
        name: What it is called in the names of tests.
        lacks: What it does not offer, and why that is so.
        database: The database of the services around it.
    """

    name: str
    lacks: Mapping[Feature, str]
    database: str = "sqlite"


_IN_PROCESS = "it lives in one process"
KINDS = (
    Kind(
        "memory",
        {
            Feature.LATE_GROUPS: "it keeps messages only for groups that are there",
            Feature.UNHEARD: "it keeps messages only for groups that are there",
            Feature.COUNTS: "nobody outside of the process asks it",
            Feature.HISTORY: "it forgets what was acknowledged",
            Feature.DURABLE: _IN_PROCESS,
            Feature.SERVER: _IN_PROCESS,
            Feature.PROCESSES: _IN_PROCESS,
            Feature.SHARES: "one member of a group is active, the others wait",
            Feature.LIMITS: "it writes nothing down",
            Feature.CLOSES: "there is nothing to disconnect from",
        },
    ),
    Kind(
        "embedded",
        {Feature.SERVER: "it is a file: no server stands between its users"},
    ),
    Kind(
        "rabbit",
        {
            Feature.LATE_GROUPS: "its queues forget what was acknowledged",
            Feature.HISTORY: "its queues forget what was acknowledged",
            Feature.IDS: "its queues know no ids",
        },
        database="postgresql",
    ),
    Kind(
        "kafka",
        {
            Feature.IDS: "its producers know their own retries only",
            Feature.ACROSS: "its lanes are partitions of one topic each",
        },
        database="postgresql",
    ),
)
