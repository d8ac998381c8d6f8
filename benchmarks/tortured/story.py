"""The story that is told: orders are placed, two services hear of them."""

import asyncio
import time
from collections.abc import Callable
from random import Random

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright.events import Event, Redelivery, Subscriptions, publish
from tortured.plan import DOOMED_TOPIC, TOPIC, Wishes

ROLLED_BACK_SHARE = 0.03
MOST_AT_ONCE = 10
TOKEN_LENGTH = 24
KEYS = 150  # of each producing service

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
        " token text not null, lag double precision not null)",
    )


_next = text(
    "insert into counter(key, n) values (:key, 1)"
    " on conflict(key) do update set n = counter.n + 1 returning n"
)
_place = text(
    "insert into placed(token, key, n, doomed, maker)"
    " values (:token, :key, :n, :doomed, :maker)"
)
_keep = text("insert into ledger(key, n, token, lag) values (:key, :n, :token, :lag)")


class Placed(Event, topic=TOPIC):
    """The n-th order of one key; the token is new at each try to place it."""

    key: str
    n: int
    token: str
    at: float


class Doomed(Event, topic=DOOMED_TOPIC):
    """An order no service can do anything with."""

    key: str
    n: int
    token: str
    at: float


class Garbled(Event, topic=TOPIC, version=2):
    """An order of a version that nobody hears."""

    key: str
    n: int
    token: str
    at: float


class RolledBack(Exception):  # noqa: N818 - what the transaction is
    """Chance undoes a transaction that has published."""


async def place(
    transaction: AsyncSession, maker: str, wishes: Wishes, random: Random
) -> list[Event]:
    """Place some orders, each with its effect in the producer's database.

    Args:
        transaction: What they belong to.
        maker: Who places them.
        wishes: How many of them are of which kind.
        random: Chance.

    Returns:
        What there is to tell.
    """
    told: list[Event] = []
    database = maker.removeprefix("producer-")[0]
    # Sorted, so that two producers of a database do not wait for each other.
    for number in sorted(random.sample(range(KEYS), random.randint(1, MOST_AT_ONCE))):
        key, token = (
            f"{database}-{number}",
            f"{random.getrandbits(96):0{TOKEN_LENGTH}x}",
        )
        kind = _kind(wishes, random.random())
        if kind is Garbled:
            key = f"{key}?{token}"  # what is garbled holds back the rest of its key
        counted_as = f"{key}!" if kind is Doomed else key
        n = await transaction.scalar(_next, {"key": counted_as})
        row = {"token": token, "key": key, "n": n}
        fails = {"doomed": int(kind is not Placed), "maker": maker}
        await transaction.execute(_place, row | fails)
        told.append(kind.model_validate({**row, "at": time.time()}))
    return told


def _kind(wishes: Wishes, chance: float) -> type[Event]:
    if chance < wishes.doomed_share:
        return Doomed
    if chance < wishes.doomed_share + wishes.garbled_share:
        return Garbled
    return Placed


def tell(transaction: AsyncSession, told: list[Event]) -> None:
    """Publish what happened."""
    for event in told:
        publish(transaction, event)


def hearing(
    wishes: Wishes, is_trouble: Callable[[], bool], random: Random
) -> Subscriptions:
    """Return what a consumer does.

    Args:
        wishes: How often chance makes a reaction fail or take long.
        is_trouble: Whether it does so now.
        random: Chance.
    """
    subscriptions = Subscriptions()

    @subscriptions.on(Placed, redelivery=Redelivery(attempts=99, first_seconds=0.02))
    async def keep(placed: Placed, transaction: AsyncSession) -> None:
        await transaction.execute(_keep, _effect(placed))
        if random.random() < wishes.slow_share and is_trouble():
            await asyncio.sleep(wishes.slow_seconds)
        if random.random() < wishes.fails_share and is_trouble():
            raise ValueError("chance")

    @subscriptions.on(
        Doomed, redelivery=Redelivery(attempts=3, first_seconds=0.2, on_dead="release")
    )
    async def refuse(doomed: Doomed, transaction: AsyncSession) -> None:
        await transaction.execute(_keep, _effect(doomed))
        raise ValueError("nobody can do anything with this")

    return subscriptions


def _effect(event: Placed | Doomed) -> dict[str, object]:
    lag = max(0.0, time.time() - event.at)
    return {"key": event.key, "n": event.n, "token": event.token, "lag": lag}
