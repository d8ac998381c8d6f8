"""Deliveries that share a transaction: claimed at once, each in a savepoint, committed.

Events of one key never share one: what the earlier did is committed, for everyone to
see, when the reaction to the later runs.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from fleetwright._async_database import begun
from fleetwright.database import AsyncDatabase
from fleetwright.events import _inbox
from fleetwright.events._broker import Delivery
from fleetwright.events._inbox import Hold
from fleetwright.events._pace import SHARE_SECONDS
from fleetwright.events._publish import around
from fleetwright.events._reacting import TransactionEnded, react
from fleetwright.events._subscriptions import Subscription


@dataclass(frozen=True, slots=True)
class Task:
    """One delivery, ready to be reacted to.

    Attributes:
        delivery: What came in.
        subscription: What is done.
        hold: Of its lane.
    """

    delivery: Delivery
    subscription: Subscription
    hold: Hold


@dataclass(slots=True)
class Shared:
    """What became of the deliveries of one transaction.

    Attributes:
        handled: Committed, and how many seconds each took.
        failed: Undone alone, and why; to be gone on with.
        duplicates: Known: their effects were committed before.
        not_new: Parked behind others or shut out; to be looked at alone.
        not_begun: Left for the next transaction.
    """

    handled: list[tuple[Task, float]] = field(default_factory=list)
    failed: list[tuple[Task, Exception]] = field(default_factory=list)
    duplicates: list[Task] = field(default_factory=list)
    not_new: list[Task] = field(default_factory=list)
    not_begun: list[Task] = field(default_factory=list)


async def share(
    database: AsyncDatabase, tasks: Sequence[Task], *, goes_on: Callable[[], bool]
) -> Shared:
    """Handle deliveries in one transaction.

    Args:
        database: Where the effects are.
        tasks: Of one group, no two of one key.
        goes_on: Asked before each reaction but the first; what is not begun when it
            says no, or when others have waited long enough, is left.

    Returns:
        What became of each.

    Raises:
        Exception: The transaction could not be committed: nothing happened.
    """
    found = Shared()
    async with database.transaction() as transaction:
        holds = [(task.hold, task.delivery.message) for task in tasks]
        new = await _inbox.claim_all(transaction, holds)
        known = await _known(transaction, tasks, new)
        connection = await transaction.connection()
        # How long we waited for our turn does not count: who waits long would do little
        # at a turn, and by many short turns make all wait longer.
        ends = time.perf_counter() + SHARE_SECONDS
        for task in tasks:
            if task.delivery.message.id in known:
                found.duplicates.append(task)
            elif task.delivery.message.id not in new:
                found.not_new.append(task)
            elif (found.handled or found.failed) and not (
                goes_on() and time.perf_counter() < ends
            ):
                found.not_begun.append(task)
            else:
                await _in_savepoint(connection, transaction, task, found)
        undone = [*found.not_begun, *(task for task, _ in found.failed)]
        if undone:
            ids = [task.delivery.message.id for task in undone]
            await _inbox.disclaim(transaction, tasks[0].hold.group, ids)
    return found


async def _known(
    transaction: AsyncSession, tasks: Sequence[Task], new: set[str]
) -> set[str]:
    """Return which of the messages that are not new were handled before."""
    ids = [task.delivery.message.id for task in tasks]
    others = [id for id in ids if id not in new]
    if not others:
        return set()
    return await _inbox.known_of(transaction, tasks[0].hold.group, others)


async def _in_savepoint(
    connection: AsyncConnection, transaction: AsyncSession, task: Task, found: Shared
) -> None:
    """React to one delivery, undone by itself where that fails.

    It has a session of its own: objects that another reaction has loaded are as old as
    that one.
    """
    started = time.perf_counter()  # not the Clock: uvloop's has whole milliseconds
    session = AsyncSession(
        connection,
        expire_on_commit=False,
        join_transaction_mode="create_savepoint",
        info=around(transaction),
    )
    message, group = task.delivery.message, task.hold.group
    try:
        async with begun(session):
            await react(task.subscription, message, session, group)
    except TransactionEnded:
        raise  # what it did cannot be told from what others did
    except Exception as error:  # the story of a reaction goes on in _settling
        found.failed.append((task, error))
    else:
        found.handled.append((task, time.perf_counter() - started))
