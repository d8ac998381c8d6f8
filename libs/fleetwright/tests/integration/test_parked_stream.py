"""Where lanes are counted within a topic, what is parked holds back its own topic."""

from fleetwright.database import AsyncDatabase
from fleetwright.events import _inbox, _parking
from fleetwright.events._envelope import Message
from fleetwright.events._inbox import Hold
from fleetwright.events._parking import State, Verdict
from fleetwright.events._tables import CONSUMER_TABLES, ensure

HOLD = Hold("payments", "orders.placed", 3, 1)


def message(id: str) -> Message:
    """Return a message of the one key."""
    return Message(id, "orders.placed", "k", {}, b"{}")


async def test_batch_waits_behind_what_is_parked_of_its_topic() -> None:
    """Claimed alone or with others, a later event of the key is not new."""
    database = AsyncDatabase("sqlite+aiosqlite://")
    await ensure(database, CONSUMER_TABLES)
    verdict = Verdict(1, 0.0, "why", State.RETRY)
    async with database.transaction() as transaction:
        await _parking.park(transaction, HOLD, message("first"), verdict)

    async with database.transaction() as transaction:
        pair = (HOLD, message("second"))
        together = await _inbox.claim_all(transaction, [pair])
        alone = await _inbox.claim(transaction, *pair)
    await database.close()

    assert together == set()
    assert alone is _inbox.Seen.BEHIND
