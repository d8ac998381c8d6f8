"""What a person is told about one process of the fleet."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum


class State(StrEnum):
    """Where a process is in its life.

    `waiting` (not started yet), `starting` (runs, not ready yet), `ready`, `degraded`
    (takes calls, and does without a part of it), `unready` (was ready, takes no calls
    now), `unhealthy` (does not answer), `stopping`, `stopped`,
    `failed` (given up), `backoff` (starts again soon).
    """

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    UNREADY = "unready"
    UNHEALTHY = "unhealthy"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    BACKOFF = "backoff"


@dataclass(frozen=True, slots=True)
class Status:
    """One process as it is now.

    Attributes:
        name: The process, `catalog`, or `catalog-2` for a second replica.
        service: The service it runs.
        state: Where it is in its life.
        pid: Its process id while it runs.
        port: Where it listens on 127.0.0.1.
        url: Its address.
        grpc_url: Its address for gRPC; None when it has none.
        restarts: How often it was started again in this run of the fleet.
        reason: Why it is in this state; None when all is well.
        restarted_because: Why it was started again last; None when it never was.
        since: When it came into this state, ISO 8601 in UTC.
        database_url: The database it was given; None when it has its own setting.
        log_file: Where its output is kept.
        exit_code: How it ended last; negative for a signal, None when it never ended.
        ready_seconds: How long the latest start took until ready.
    """

    name: str
    service: str
    state: State
    port: int
    url: str
    log_file: str
    database_url: str | None = None
    pid: int | None = None
    restarts: int = 0
    reason: str | None = None
    restarted_because: str | None = None
    since: str = ""
    exit_code: int | None = None
    ready_seconds: float | None = None
    grpc_url: str | None = None

    def facts(self) -> dict[str, object]:
        """Return the same as JSON-ready values."""
        return asdict(self) | {"state": str(self.state)}


def now_text() -> str:
    """Return the time of day in UTC as ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
