"""Draining an outbox while its relay looks at an older state of the table."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from fleetwright.database import AsyncDatabase
from fleetwright.errors import FleetwrightError
from fleetwright.events import Event, Outbox, publish
from fleetwright.events._envelope import Message
from fleetwright.testing import FakeBroker


class Drained(Event, topic="things.drained"):
    """The n-th thing was drained."""

    n: int


class Hesitant(Outbox):
    """An outbox that looks at the table, and is held up before it says what it saw."""

    held: asyncio.Event | None = None
    looked: asyncio.Event

    async def _read(self) -> list[Any]:
        rows = await super()._read()
        held = self.held
        if held is not None:
            self.looked.set()
            await held.wait()
        return rows


async def test_drain_waits_for_a_look_that_begins_after_it(tmp_path: Path) -> None:
    """What was committed before the call is carried, whatever the relay saw before."""
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/things.db")
    broker = FakeBroker()
    outbox = Hesitant(database, broker)
    outbox.looked = asyncio.Event()
    await database.open()
    await outbox.open()
    await outbox.drain()
    outbox.held = asyncio.Event()
    outbox._woken.set()
    await outbox.looked.wait()  # it saw an empty table

    async with database.transaction() as transaction:
        publish(transaction, Drained(n=1))
    draining = asyncio.create_task(outbox.drain())
    await asyncio.sleep(0)  # the drain has begun
    outbox.held.set()
    outbox.held = None
    await draining
    facts = await outbox.facts()

    await outbox.close()
    await database.close()
    assert broker.published == [Drained(n=1)]
    assert facts["pending"] == 0


class Odd(FakeBroker):
    """A broker with a defect."""

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Fail as nobody has foreseen."""
        raise RuntimeError("odd")


async def test_drain_does_not_wait_for_a_relay_that_has_died(tmp_path: Path) -> None:
    """The service ends, and what was not carried stays in the table."""
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/things.db")
    outbox = Outbox(database, Odd())
    await database.open()
    await outbox.open()
    async with database.transaction() as transaction:
        publish(transaction, Drained(n=1))

    async with asyncio.timeout(60):
        await outbox.drain()

    assert (await outbox.facts())["pending"] == 1
    with pytest.raises(FleetwrightError, match="not being relayed"):
        await outbox.check()
    await outbox.close()
    await database.close()
