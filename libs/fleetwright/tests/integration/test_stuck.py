"""What an operator moves: what is dead, what waits, and what nobody hears."""

from collections.abc import AsyncIterator

import pytest
from databases import with_tables
from sqlalchemy import insert, select

from fleetwright.database import AsyncDatabase
from fleetwright.events import Event
from fleetwright.events._envelope import encode
from fleetwright.events._parking import State, heads
from fleetwright.events._stuck import Wanted, retry_parked
from fleetwright.events._tables import CONSUMER_TABLES, parked

GROUP = "tills"


class Sold(Event, topic="shops.sold"):
    """Something was sold."""

    till: str


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[AsyncDatabase]:
    """A database of each kind with the tables of a consumer, empty."""
    async with with_tables(request, CONSUMER_TABLES) as found:
        yield found


async def park(database: AsyncDatabase, *states: State) -> None:
    """Have an event of one key parked for each state, tried nine times, due one day."""
    message = encode(Sold(till="south"), source="shop")
    rows = [
        {
            "grp": GROUP,
            "key": "south",
            "seq": number,
            "lane": message.lane,
            "msg_id": f"m{number}",
            "topic": message.topic,
            "partition_key": "south",
            "headers": "{}",
            "body": message.body,
            "attempts": 9,
            "next_at": 9e9,
            "error": "why",
            "state": int(state),
        }
        for number, state in enumerate(states)
    ]
    async with database.transaction() as transaction:
        await transaction.execute(insert(parked), rows)


async def test_what_is_dead_begins_anew_and_what_waits_keeps_its_count(
    database: AsyncDatabase,
) -> None:
    """What nobody hears was not given up either: it keeps its count, too."""
    states = (State.RETRY, State.DEAD, State.RELEASED, State.UNHEARD)
    await park(database, *states)

    async with database.transaction() as transaction:
        moved = await retry_parked(transaction, GROUP, Wanted())
        attempts = await transaction.execute(
            select(parked.c.attempts).order_by(parked.c.seq)
        )
        due = await transaction.scalars(select(parked.c.next_at))

    assert moved == ["m0", "m1", "m2", "m3"]
    assert list(attempts.scalars()) == [9, 0, 0, 9]
    assert max(due) < 9e9


async def test_what_nobody_hears_stays_aside_when_it_is_replayed(
    database: AsyncDatabase,
) -> None:
    """It would hold back the others of its key, and nobody could try it."""
    await park(database, State.UNHEARD, State.RETRY)

    async with database.transaction() as transaction:
        await retry_parked(transaction, GROUP, Wanted())
        first = await heads(transaction, GROUP, [Sold.__topic__])

    assert [one.message.id for one in first] == ["m1"]
