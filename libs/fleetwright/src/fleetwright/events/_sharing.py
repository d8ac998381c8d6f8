"""Deliveries that share a transaction: claimed at once, each in a savepoint, committed.

Events of one key never share one: what the earlier did is committed, for everyone to
see, when the reaction to the later runs.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import SessionTransaction

from fleetwright._savepoints import (
    release_savepoint,
    set_savepoint,
    undo_to_savepoint,
)
from fleetwright.database import AsyncDatabase
from fleetwright.events import _inbox
from fleetwright.events._broker import Delivery
from fleetwright.events._inbox import Hold
from fleetwright.events._pace import SHARE_SECONDS
from fleetwright.events._publish import count_published, held, take_back
from fleetwright.events._reacting import TransactionEnded, ended, react
from fleetwright.events._subscriptions import Subscription

_PART = "fleet_part"  # the savepoint of a reaction


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
        parts = _Parts(transaction, await transaction.connection(), found)
        # How long we waited for our turn does not count: who waits long would do little
        # at a turn, and by many short turns make all wait longer.
        ends = time.perf_counter() + SHARE_SECONDS
        with held(transaction.sync_session, parts.refuse_to_commit):
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
                    await parts.react(task)
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


@dataclass(slots=True)
class _Parts:
    """The parts of one transaction, each undone by itself where its reaction fails.

    Attributes:
        session: The session of all.
        connection: What it works on.
        found: What became of each is added here.
    """

    session: AsyncSession
    connection: AsyncConnection
    found: Shared
    _subscription: Subscription | None = None  # of the reaction that runs
    _whole: SessionTransaction | None = None

    def __post_init__(self) -> None:
        """Remember the transaction of all."""
        self._whole = self.session.sync_session.get_transaction()

    async def react(self, task: Task) -> None:
        """React to one delivery.

        The session forgets its objects after it: what one reaction has loaded is old
        when the next one runs.
        """
        started = time.perf_counter()  # not the Clock: uvloop's has whole milliseconds
        message, group = task.delivery.message, task.hold.group
        self._subscription = task.subscription
        before = count_published(self.session.sync_session)
        await set_savepoint(self.connection, _PART)
        try:
            await react(task.subscription, message, self.session, group)
            await self._close_what_is_open()
        except TransactionEnded:
            raise  # what it did cannot be told from what others did
        except Exception as error:  # the story of a reaction goes on in _settling
            await self._undo(before, error)
            self.found.failed.append((task, error))
        else:
            release_savepoint(self.connection, _PART)
            self.found.handled.append((task, time.perf_counter() - started))
        self.session.expunge_all()

    async def _close_what_is_open(self) -> None:
        """Release the savepoints a reaction has begun and left."""
        while (nested := self.session.get_nested_transaction()) is not None:
            await nested.commit()

    async def _undo(self, published: int, error: Exception) -> None:
        """Undo what the reaction did, where the transaction is still that of all."""
        while (nested := self.session.get_nested_transaction()) is not None:
            await nested.rollback()
        whole = self.session.sync_session.get_transaction()
        if whole is not self._whole or not self.session.is_active:
            raise error  # a flush that failed, or the reaction, has undone it all
        await undo_to_savepoint(self.connection, _PART)
        take_back(self.session.sync_session, published)

    def refuse_to_commit(self) -> NoReturn:
        """Refuse a reaction's commit: the others' claims would go with it.

        Raises:
            TransactionEnded: Always.
        """
        assert self._subscription is not None  # noqa: S101 - its reaction runs
        raise ended(self._subscription)
