"""Holds are looked for again after a failure."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from fleetwright import FleetwrightError
from fleetwright.database import AsyncDatabase
from stock.expiry import Expiry


class Failing:
    """A database whose first transaction fails; the third tells."""

    def __init__(self, failure: Exception) -> None:
        """Fail with it, once."""
        self.begun = 0
        self.third = asyncio.Event()
        self._failure = failure

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Begin, or fail."""
        self.begun += 1
        if self.begun == 1:
            raise self._failure
        if self.begun == 3:
            self.third.set()
        yield self

    async def scalars(self, statement: Any) -> list[Any]:
        """Find nothing."""
        return []


@pytest.mark.parametrize(
    "failure", [FleetwrightError("no turn"), ConnectionRefusedError("nobody there")]
)
async def test_the_sweep_goes_on_after_a_failure(failure: Exception) -> None:
    """Units of an order that was not placed come back though the database was away."""
    database = Failing(failure)
    expiry = Expiry(cast(AsyncDatabase, database), 0.001)
    await expiry.open()
    async with asyncio.timeout(60):
        await database.third.wait()
    await expiry.close()

    assert database.begun >= 3
