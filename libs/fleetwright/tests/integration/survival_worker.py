"""The processes of the survival test: one for each role, born again when it dies.

Arguments: folder, seed, roles. They start when the file `go` says when the trouble
ends, and end when there is a file `stop`. Environment: FLEET_CRASH_POINTS,
SURVIVAL_KILL (mean seconds between kill -9), SURVIVAL_MUTANT.
"""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import _crash
from fleetwright.database import AsyncDatabase
from fleetwright.events import (
    Consumer,
    Event,
    Outbox,
    Redelivery,
    Subscriptions,
    _inbox,
    connect,
    publish,
)
from fleetwright.events._envelope import Message
from fleetwright.events._inbox import Seen

FOLDER, SEED, ROLES = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
MUTANT = os.environ.get("SURVIVAL_MUTANT", "")
KILL_SECONDS = float(os.environ.get("SURVIVAL_KILL", "0"))
KEYS = 32
random = Random(SEED)  # noqa: S311 - chance, not a secret
structlog.configure(
    wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
)


class Placed(Event, topic="orders.placed"):
    """The n-th order of one key."""

    key: str
    n: int


subscriptions = Subscriptions()


@subscriptions.on(Placed, redelivery=Redelivery(attempts=50, first_seconds=0.02))
async def keep(placed: Placed, transaction: AsyncSession) -> None:
    """Write the effect, unless chance makes the reaction fail after it."""
    row = {"key": placed.key, "n": placed.n}
    insert = text("insert into ledger(key, n) values (:key, :n)")
    await transaction.execute(insert, row)
    if random.random() < 0.02 and time.time() < trouble_ends():
        raise RuntimeError("chance")


def url(name: str) -> str:
    """Return where a database of the test is."""
    return f"sqlite+aiosqlite:///{FOLDER / name}.db"


@cache
def trouble_ends() -> float:
    """Wait until the test begins; return when nobody is killed any more."""
    while not (FOLDER / "go").exists():
        time.sleep(0.01)
    return float((FOLDER / "go").read_text())


async def produce(database: AsyncDatabase, name: str) -> None:
    """Place orders as fast as the trouble lasts."""
    while time.time() < trouble_ends():
        key = f"{name}-{random.randrange(KEYS)}"
        async with database.transaction() as transaction:
            count = text("select count(*) from orders where key = :key")
            n = (await transaction.scalar(count, {"key": key}) or 0) + 1
            row = {"key": key, "n": n}
            insert = text("insert into orders(key, n) values (:key, :n)")
            await transaction.execute(insert, row)
            if MUTANT != "dual_write":
                publish(transaction, Placed(key=key, n=n))
        if MUTANT == "dual_write":
            _crash.point("producer.after_commit")
            async with database.transaction() as transaction:
                publish(transaction, Placed(key=key, n=n))
        await asyncio.sleep(random.expovariate(300))


async def run_role(role: str) -> None:
    """Be a producer with its relay, a second relay or a consumer, until stopped."""
    kind, name = role.split("-")
    database = AsyncDatabase(url("payments" if kind == "consumer" else name))
    broker = connect(f"embedded:///{FOLDER}/broker.db")
    part: Outbox | Consumer = Outbox(database, broker)
    if kind == "consumer":
        part = Consumer(database, broker, subscriptions, group="payments")
    await broker.open()
    await part.open()
    if kind == "producer":
        await produce(database, name)
    await asyncio.sleep(max(0.0, trouble_ends() - time.time()))
    _crash._points.clear()
    while not (FOLDER / "stop").exists():  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.05)
    await part.drain()
    await part.close()
    await broker.close()
    await database.close()


async def claim_all(*_: object) -> Seen:
    """Handle whatever comes: a consumer without an inbox."""
    return Seen.NEW


async def claim_each(_: object, messages: Sequence[tuple[object, Message]]) -> set[str]:
    """Handle whatever comes, several at a time."""
    return {message.id for _, message in messages}


async def always(*_: object) -> bool:
    """Take everything for new."""
    return True


async def never(*_: object) -> bool:
    """Take nothing for known."""
    return False


def mutate() -> None:
    """Break the library in this process, where the test asks for it."""
    if MUTANT == "no_inbox":
        _inbox.claim = claim_all  # type: ignore[assignment]
        _inbox.claim_all = claim_each  # type: ignore[assignment]
        _inbox.record = always  # type: ignore[assignment]


def be_born(role: str, generation: int) -> int:
    """Run the role in a child; return how it ended: 0 as told, else killed."""
    child = os.fork()
    if child == 0:
        random.seed(f"{SEED}-{role}-{generation}")
        try:
            asyncio.run(run_role(role))
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if KILL_SECONDS:
        dies_at = time.time() + random.uniform(0.5, 2 * KILL_SECONDS - 0.5)
        while time.time() < min(dies_at, trouble_ends()):
            time.sleep(0.02)
        if time.time() < trouble_ends():
            os.kill(child, signal.SIGKILL)
            os.write(2, f"killed {role}\n".encode())
    return os.waitpid(child, 0)[1]


def live(role: str) -> None:
    """Be born again until the test is over."""
    random.seed(f"{SEED}-{role}")
    generation = 0
    while be_born(role, generation):
        generation += 1


if __name__ == "__main__":
    mutate()
    (FOLDER / "ready").touch()
    trouble_ends()
    for role in ROLES:
        if os.fork() == 0:
            live(role)
            os._exit(0)
    for _ in ROLES:
        os.wait()
