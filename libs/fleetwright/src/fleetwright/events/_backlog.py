"""How many events wait for the broker: when that is told, and when it is enough."""

from typing import Final
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import Select, func, select
from sqlalchemy.pool import Pool

from fleetwright._clock import clock
from fleetwright.errors import Unavailable
from fleetwright.events._tables import outbox

MOST_WAITING: Final = 1_000_000
_FIRST_TOLD: Final = 1_000
_LOOK_SECONDS: Final = 2.0
_RETRY_AFTER_SECONDS: Final = 5.0
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")
# Empty while every outbox has room: `publish` pays for nothing then.
full: WeakKeyDictionary[Pool, "Backlog"] = WeakKeyDictionary()


class Backlog:
    """The events of one outbox that wait, as they were last counted.

    Told in the log at 1,000, 10,000 and so on, once each time it grows that long. When
    as many wait as may, publishing is refused until some have left: a broker that stays
    away must not fill the disk under the whole service. Bounded: it is counted at most
    every two seconds, and only while the relay cannot keep up.

    Attributes:
        waiting: How many waited at the last look.
        most: How many may; None for as many as the disk takes.
    """

    def __init__(self, most: int | None) -> None:
        """Begin with nothing waiting.

        Args:
            most: How many may wait.
        """
        self.waiting = 0
        self.most = most
        self._told = _FIRST_TOLD
        self._look_at = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is time to count again."""
        return clock().monotonic() >= self._look_at

    def question(self) -> Select[int]:
        """Return the statement that counts, no further than matters."""
        waits = select(outbox.c.seq).where(outbox.c.parked_at.is_(None))
        bounded = waits.limit(max(self.most or 0, MOST_WAITING) + 1).subquery()
        return select(func.count()).select_from(bounded)

    def saw(self, waiting: int, *pools: Pool) -> None:
        """Take note of how many wait; tell it when they have become many.

        Args:
            waiting: How many.
            *pools: Of the database: where publishing is refused when that is enough.
        """
        self.waiting = waiting
        self._look_at = clock().monotonic() + _LOOK_SECONDS
        if waiting >= self._told:
            _log.warning("outbox.grew", waiting=waiting, most=self.most)
            while waiting >= self._told:
                self._told *= 10
        elif self._told > _FIRST_TOLD and waiting < self._told / 100:
            _log.info("outbox.shrank", waiting=waiting)
            while self._told > _FIRST_TOLD and waiting < self._told / 100:
                self._told //= 10
        for pool in pools:
            if self.most is not None and waiting >= self.most:
                full[pool] = self
            else:
                full.pop(pool, None)


def require_room(pool: Pool) -> None:
    """Raise where as many events wait as may.

    Args:
        pool: Of the database the event would be kept in.

    Raises:
        Unavailable: There is no room; the answer becomes a 503 with Retry-After.
    """
    backlog = full.get(pool)
    if backlog is not None:
        raise Unavailable(
            f"{backlog.waiting} events wait for the broker, as many as may",
            reason="rejected",
            provider="the broker",
            retry_after_seconds=_RETRY_AFTER_SECONDS,
            where="publish(transaction, event)",
            hint="bring the broker back, or raise `most_waiting` of the Outbox",
        )
