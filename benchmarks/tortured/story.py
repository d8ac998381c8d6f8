"""The story that is told: orders are placed, two services hear of them."""

from collections.abc import Callable
from random import Random

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright.events import Event, Redelivery, Subscriptions, publish
from tortured.plan import DOOMED_TOPIC, TOPIC

ROLLED_BACK_SHARE = 0.03
DOOMED_SHARE = 0.001
MOST_AT_ONCE = 6

PRODUCER_TABLES = (
    "create table counter(key text primary key, n integer not null)",
    "create table placed(token text primary key, key text not null, n integer not null,"
    " doomed integer not null, maker text not null)",
    "create index placed_maker on placed(maker)",
)
_SERIAL = {"sqlite": "integer primary key autoincrement",
           "postgresql": "bigint generated always as identity primary key"}  # fmt: skip


def consumer_tables(dialect: str) -> tuple[str, ...]:
    """Return what makes the table of effects.

    Args:
        dialect: Of the database.
    """
    serial = _SERIAL[dialect]
    return (
        f"create table ledger(i {serial}, key text not null, n integer not null,"
        " token text not null)",
    )


_next = text(
    "insert into counter(key, n) values (:key, 1)"
    " on conflict(key) do update set n = counter.n + 1 returning n"
)
_place = text(
    "insert into placed(token, key, n, doomed, maker)"
    " values (:token, :key, :n, :doomed, :maker)"
)
_keep = text("insert into ledger(key, n, token) values (:key, :n, :token)")


class Placed(Event, topic=TOPIC):
    """The n-th order of one key; the token is new at each try to place it."""

    key: str
    n: int
    token: str


class Doomed(Event, topic=DOOMED_TOPIC):
    """An order no service can do anything with."""

    key: str
    n: int
    token: str


class RolledBack(Exception):  # noqa: N818 - what the transaction is
    """Chance undoes a transaction that has published."""


async def place(
    transaction: AsyncSession, maker: str, keys: int, random: Random
) -> list[Event]:
    """Place some orders, each with its effect in the producer's database.

    Args:
        transaction: What they belong to.
        maker: Who places them.
        keys: How many keys there are.
        random: Chance.

    Returns:
        What there is to tell.
    """
    told: list[Event] = []
    count = min(random.randint(1, MOST_AT_ONCE), keys)
    database = maker.removeprefix("producer-")[0]
    # Sorted, so that two producers of a database do not wait for each other.
    for number in sorted(random.sample(range(keys), count)):
        key, token = f"{database}-{number}", f"{random.getrandbits(96):024x}"
        doomed = random.random() < DOOMED_SHARE
        n = await transaction.scalar(_next, {"key": f"{key}!" if doomed else key})
        row = {"token": token, "key": key, "n": n}
        await transaction.execute(
            _place, {**row, "doomed": int(doomed), "maker": maker}
        )
        told.append((Doomed if doomed else Placed).model_validate(row))
    return told


def tell(transaction: AsyncSession, told: list[Event]) -> None:
    """Publish what happened."""
    for event in told:
        publish(transaction, event)


def hearing(fails: Callable[[], bool]) -> Subscriptions:
    """Return what a consumer does.

    Args:
        fails: Whether chance makes a reaction fail now.
    """
    subscriptions = Subscriptions()

    @subscriptions.on(Placed, redelivery=Redelivery(attempts=99, first_seconds=0.02))
    async def keep(placed: Placed, transaction: AsyncSession) -> None:
        await transaction.execute(_keep, placed.model_dump())
        if fails():
            raise ValueError("chance")

    @subscriptions.on(
        Doomed, redelivery=Redelivery(attempts=3, first_seconds=0.2, on_dead="release")
    )
    async def refuse(doomed: Doomed, transaction: AsyncSession) -> None:
        await transaction.execute(_keep, doomed.model_dump())
        raise ValueError("nobody can do anything with this")

    return subscriptions
