"""How much waits in a service's databases and at its broker, for who reads metrics."""

from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from fleetwright.database import AsyncDatabase
from fleetwright.errors import FleetwrightError
from fleetwright.events import _stuck
from fleetwright.events._broker import Broker
from fleetwright.events._kept import Counting
from fleetwright.events._metrics import Waiting

OUTBOX = "fleetwright.outbox"
EVENTS = "fleetwright.events"


class OutboxWatch:
    """Looks at an outbox while somebody reads its gauges."""

    def __init__(self, database: AsyncDatabase) -> None:
        """Watch the outbox of a database.

        Args:
            database: Where the events are published.
        """
        self._database = database
        self._waiting = Waiting()

    async def look(self) -> None:
        """Look again if it is time to; a database that fails is looked at later."""
        if not self._waiting.is_due():
            return
        try:
            async with self._database.reading() as session:
                rows = await _stuck.outbox_by_topic(session)
        except (FleetwrightError, SQLAlchemyError, OSError):
            return  # the relay itself says so
        pending, refused = f"{OUTBOX}.pending", f"{OUTBOX}.refused"
        counts = self._waiting.counts
        counts[pending] = {(): sum(row["pending"] for row in rows)}
        counts[refused] = {(): sum(row["refused"] for row in rows)}
        waits = [row["oldest_at"] for row in rows if row["pending"]]
        self._waiting.since[f"{OUTBOX}.oldest_age"] = min(waits, default=None)


class GroupWatch:
    """Looks at what a group has not handled, while somebody reads its gauges."""

    def __init__(
        self,
        database: AsyncDatabase,
        broker: Broker,
        group: str,
        topics: Sequence[str],
    ) -> None:
        """Watch a group.

        Args:
            database: Where its events are parked.
            broker: Where they come from.
            group: Who hears.
            topics: What it hears.
        """
        self._database = database
        self._broker = broker
        self._group = group
        self._topics = topics
        self._waiting = Waiting()

    async def look(self) -> None:
        """Look again if it is time to; what fails is looked at later."""
        if not self._waiting.is_due():
            return
        try:
            async with self._database.reading() as session:
                rows = await _stuck.parked_by_topic(session, self._group)
            await self._look_at_broker()
        except (FleetwrightError, SQLAlchemyError, OSError):
            return  # the consumer itself says so
        for state in ("parked", "dead"):
            self._waiting.counts[f"{EVENTS}.{state}"] = {
                self._of(row["topic"]): row[state] for row in rows
            } or {self._of(): 0}

    async def _look_at_broker(self) -> None:
        if not isinstance(self._broker, Counting):
            return
        backlog = await self._broker.backlog(self._group, self._topics)
        topics = backlog.topics or {}
        lag = {self._of(topic): count for topic, count in topics.items()}
        self._waiting.counts[f"{EVENTS}.lag"] = lag or {self._of(): backlog.total}

    def _of(self, topic: str | None = None) -> tuple[tuple[str, str], ...]:
        group = (("group", self._group),)
        return group if topic is None else (*group, ("topic", topic))
