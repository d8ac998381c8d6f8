"""Puts units back whose order was not placed in time."""

import asyncio
from datetime import UTC, datetime

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from fleetwright import FleetwrightError
from fleetwright.database import AsyncDatabase
from stock import shelf
from stock.lifecycle import HoldState
from stock.tables import HoldRow

log = structlog.get_logger()
AT_ONCE = 50


class Expiry:
    """A part that ends holds whose time is over; safe in several processes at once."""

    def __init__(self, database: AsyncDatabase, sweep_seconds: float) -> None:
        """Look for them now and then.

        Args:
            database: Where units are counted.
            sweep_seconds: How often to look, in seconds.
        """
        self._database = database
        self._sweep_seconds = sweep_seconds
        self._running: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to look."""
        self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Look no more."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait((self._running,))

    async def sweep(self, now: datetime) -> int:
        """End holds whose time is over, at most `AT_ONCE`.

        Args:
            now: The time.

        Returns:
            How many.
        """
        due = (
            select(HoldRow)
            .where(
                HoldRow.state == HoldState.HELD,
                HoldRow.expires_at <= now,
            )
            .order_by(HoldRow.expires_at)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        async with self._database.transaction() as transaction:
            rows = list(await transaction.scalars(due))
            if rows:
                await shelf.move(transaction, rows, HoldState.EXPIRED)
        if rows:
            log.info("holds.expired", holds=len(rows))
        return len(rows)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._sweep_seconds)
            try:
                while await self.sweep(datetime.now(UTC)) == AT_ONCE:
                    pass
            except (FleetwrightError, SQLAlchemyError, OSError) as error:
                # The next sweep finds the same holds: nothing is lost by waiting.
                log.warning("holds.not_swept", error=str(error))
