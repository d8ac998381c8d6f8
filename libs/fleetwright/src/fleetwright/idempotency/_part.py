"""KeptAnswers: the part that makes the table and forgets what is old."""

import asyncio
from typing import Any, Protocol

import structlog
from sqlalchemy import delete, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateIndex, CreateTable

from fleetwright._clock import clock
from fleetwright.errors import DeclarationError, FleetwrightError
from fleetwright.idempotency._rows import kept_answers

_LOCK = 0x6B657073  # any number, the same in every process
_PURGE_SECONDS = 600.0
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class OwnDatabase(Protocol):
    """A database of either kind, sync or async."""

    def transaction(self) -> Any:
        """Return a context manager, sync or async, that gives a session."""
        ...


class KeptAnswers:
    """The answers that repeated requests get, in the service's own database.

    A part of a service, added after its database. Makes the table, and every ten
    minutes forgets answers that are older than `keep_hours`.

    Attributes:
        database: Where the answers are kept.
        keep_hours: How long a repetition is answered, in hours; at least.
    """

    def __init__(self, database: OwnDatabase, *, keep_hours: float = 24.0) -> None:
        """Describe the part; nothing runs yet.

        Args:
            database: The service's own.
            keep_hours: How long a repetition is answered, in hours; more than 0.

        Raises:
            DeclarationError: Nothing would be kept.
        """
        if keep_hours <= 0:
            raise DeclarationError(
                f"answers are kept for {keep_hours:g} hours",
                where="KeptAnswers(database, keep_hours=...)",
                hint="use more than 0: KeptAnswers(database, keep_hours=24)",
            )
        self.database = database
        self.keep_hours = keep_hours
        self._purging: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Make the table and start forgetting."""
        await self.make_table()
        self._purging = asyncio.create_task(self._run(), name="kept_answers")

    async def make_table(self) -> None:
        """Make the table where it is not there."""
        await self._in_transaction(_made)

    async def close(self) -> None:
        """Stop forgetting."""
        purging, self._purging = self._purging, None
        if purging is not None:
            purging.cancel()
            await asyncio.gather(purging, return_exceptions=True)

    async def purge(self) -> int:
        """Forget what is old now.

        Returns:
            How many answers were forgotten.
        """
        before = clock().now() - self.keep_hours * 3600

        def forget(session: Session) -> int:
            old = delete(kept_answers).where(kept_answers.c.claimed_at < before)
            return len(session.execute(old.returning(kept_answers.c.key)).all())

        return int(await self._in_transaction(forget))

    async def _run(self) -> None:
        while True:
            try:
                await self.purge()
            except (FleetwrightError, SQLAlchemyError, OSError) as error:
                _log.warning("answers.not_purged", error=str(error))
            await clock().sleep(_PURGE_SECONDS)

    async def _in_transaction(self, work: Any) -> Any:
        """Do sync work in a transaction of either kind of database."""
        opened: Any = self.database.transaction()
        if hasattr(opened, "__aenter__"):
            async with opened as transaction:
                return await transaction.run_sync(work)

        def in_thread() -> Any:
            with opened as transaction:
                return work(transaction)

        return await asyncio.to_thread(in_thread)


def _made(session: Session) -> None:
    """Make the table; safe when several processes do so at once."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    session.execute(CreateTable(kept_answers, if_not_exists=True))
    for index in kept_answers.indexes:
        session.execute(CreateIndex(index, if_not_exists=True))
