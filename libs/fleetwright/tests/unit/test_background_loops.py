"""What runs beside the calls goes on after a failure."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from fleetwright import FleetwrightError
from fleetwright.database import AsyncDatabase
from fleetwright.events import Outbox
from fleetwright.idempotency import KeptAnswers
from fleetwright.testing import FakeBroker, FakeClock

FAILURES = [
    FleetwrightError("no turn to write within 15 seconds"),
    ConnectionRefusedError("nobody there"),
    OperationalError("delete", {}, Exception("gone")),
]


class Failing:
    """A database whose second transaction fails."""

    def __init__(self, failure: Exception) -> None:
        """Fail with it, once."""
        self.begun = 0
        self._failure = failure

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Begin, or fail."""
        self.begun += 1
        if self.begun == 2:
            raise self._failure
        yield self

    async def run_sync(self, work: Any) -> int:
        """Do nothing: what is done is not the matter here."""
        return 0


@pytest.mark.parametrize("failure", FAILURES)
async def test_answers_are_forgotten_after_a_failure(
    clock: FakeClock, failure: Exception
) -> None:
    """The next turn comes after ten minutes as ever."""
    database = Failing(failure)
    kept = KeptAnswers(database)
    await kept.open()
    await clock.sleep(1900.0)
    await kept.close()

    assert database.begun >= 4


class AwayFor(Outbox):
    """A relay whose database fails many times."""

    def __init__(self, failures: int, failure: Exception) -> None:
        """Fail so often with it."""
        super().__init__(AsyncDatabase("sqlite+aiosqlite://"), FakeBroker())
        self.relayed = asyncio.Event()
        self._left = failures
        self._failure = failure

    async def _carry(self) -> int:
        if self._left:
            self._left -= 1
            raise self._failure
        self.relayed.set()
        return 0


@pytest.mark.parametrize("failure", FAILURES)
async def test_events_are_relayed_after_a_long_outage(
    clock: FakeClock, failure: Exception
) -> None:
    """Hours of failures only make the pause five seconds long."""
    outbox = AwayFor(1_100, failure)
    with capture_logs():
        relaying = asyncio.create_task(outbox._run())
        telling = asyncio.create_task(outbox.relayed.wait())
        await asyncio.wait((relaying, telling), return_when=asyncio.FIRST_COMPLETED)
    relaying.cancel()
    await asyncio.gather(relaying, telling, return_exceptions=True)

    assert outbox.relayed.is_set()
    assert clock.elapsed_seconds > 5_000
