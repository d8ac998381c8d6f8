"""What one torture is: who plays, over which broker and databases, broken how."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from fleetwright import events

PRODUCERS, GROUPS = ("a", "b"), ("payments", "mails")
DATABASES = (*PRODUCERS, *GROUPS)
TOPIC, DOOMED_TOPIC = "orders.placed", "orders.doomed"
LEASE_SECONDS = 2.0
_POINT = re.compile(r"""_crash\.point\(\s*["']([a-z_.]+)["']\s*\)""")


@dataclass(frozen=True, slots=True)
class Role:
    """One process.

    Attributes:
        name: What it is called.
        kind: `producer`, `relay` or `consumer`.
        database: Which database it works with; of a consumer also its group.
    """

    name: str
    kind: str
    database: str

    @property
    def is_far(self) -> bool:
        """Whether a network that can be cut lies between it and the servers."""
        return self.name.endswith("1")


ROLES = (
    Role("producer-a1", "producer", "a"),
    Role("producer-a2", "producer", "a"),
    Role("producer-b1", "producer", "b"),
    Role("relay-a1", "relay", "a"),
    Role("relay-a2", "relay", "a"),
    Role("relay-b1", "relay", "b"),
    Role("payments-1", "consumer", "payments"),
    Role("payments-2", "consumer", "payments"),
    Role("mails-1", "consumer", "mails"),
    Role("mails-2", "consumer", "mails"),
)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked of a torture.

    Attributes:
        broker: `embedded`, `rabbit` or `kafka`.
        database: `sqlite` or `postgres`.
        events: How many events are published, at least.
        kills: How many deaths there are, of processes and servers.
        seed: What every choice is drawn from.
        broken: The mistake put into the library of the workers; empty for none.
        deaths: Which there are: `kill`, `point`, `server`; each may be named more
            than once.
        death_seconds: How long after a death the next is at the earliest.
        troubles: How many things happen that nobody dies of.
        trouble_kinds: Which: `stop`, `cut`, `jump`.
        ahead: How far producers may be ahead of the slower group, in events; in
            proportion to all of them for None.
        fails_share: Share of the reactions that chance makes fail.
        doomed_share: Share of the events whose reaction always fails.
        garbled_share: Share of the events that nobody can decode.
        slow_share: Share of the reactions that take long.
        slow_seconds: How long these take.
        pause_seconds: How long a producer waits after each transaction, on average.
        deliveries: How often a consumer is handed each message.
        disk_fails_share: Share of the writes and syncs of the disk that fail.
        rest_seconds: How long it may take to come to rest.
        longest_seconds: From when on a torture that does not get on is given up.
    """

    broker: str = "embedded"
    database: str = "sqlite"
    events: int = 100_000
    kills: int = 200
    seed: int = 1
    broken: str = ""
    deaths: tuple[str, ...] = ("kill", "kill", "point", "point", "point", "server")
    death_seconds: float = 0.1
    troubles: int = 50
    trouble_kinds: tuple[str, ...] = ("stop", "cut", "jump")
    ahead: int | None = None
    fails_share: float = 0.02
    doomed_share: float = 0.001
    garbled_share: float = 0.0
    slow_share: float = 0.0
    slow_seconds: float = 0.0
    pause_seconds: float = 0.0
    deliveries: int = 1
    disk_fails_share: float = 0.0
    rest_seconds: float = 90.0
    longest_seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What the workers are told.

    Attributes:
        wishes: What is asked for.
        near: Where the broker and the databases are, by name.
        far: The same, over the network that can be cut.
    """

    wishes: Wishes
    near: dict[str, str]
    far: dict[str, str]

    @property
    def quota(self) -> int:
        """How many events each producer publishes."""
        return -(-self.wishes.events // sum(role.kind == "producer" for role in ROLES))

    def urls(self, role: Role) -> dict[str, str]:
        """Return where a role finds the broker and the databases."""
        return self.far if role.is_far else self.near

    def write(self, folder: Path) -> None:
        """Write it where the workers read it."""
        (folder / "plan.json").write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> "Plan":
        """Return what was written."""
        told = json.loads((folder / "plan.json").read_text())
        return cls(Wishes(**told["wishes"]), told["near"], told["far"])


def role_of(name: str) -> Role:
    """Return a role by its name."""
    return next(role for role in ROLES if role.name == name)


def crash_points(broker: str) -> tuple[str, ...]:
    """Return every named place where a process of a torture can die.

    Read from the source, so that a new one is hit without being listed anywhere.

    Args:
        broker: Places within other brokers are left out.
    """
    folder = Path(events.__file__).parent
    files = [*folder.glob("*.py"), *(folder / "brokers").glob(f"_{broker}*.py")]
    found = {name for file in files for name in _POINT.findall(file.read_text())}
    kinds = {role.kind for role in ROLES}
    return tuple(sorted(name for name in found if name.split(".")[0] in kinds))
