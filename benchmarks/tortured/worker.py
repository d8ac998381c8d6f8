"""What one process of a torture does: place orders, relay, or hear."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import structlog
import uvloop
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from fleetwright import _clock, _crash
from fleetwright.database import AsyncDatabase
from fleetwright.errors import FleetwrightError
from fleetwright.events import Broker, Consumer, Event, Outbox, connect
from tortured import mistakes, story
from tortured.board import Board
from tortured.disk import FailingDisk
from tortured.plan import Plan, Role, crash_points

FAILURES = (FleetwrightError, SQLAlchemyError, OSError, TimeoutError)
_LOOK_SECONDS = 0.02
_BETWEEN = "consumer.after_commit"  # of this transaction, before the next of the batch
_made = text("select count(*) from placed where maker = :maker")


class JumpingClock(_clock.SystemClock):
    """The machine's clock, ahead by what the board says: time of day only."""

    def __init__(self, board: Board, role: Role) -> None:
        """Look at the board of a torture."""
        self._board, self._name = board, f"{role.name}/clock_ahead"

    def now(self) -> float:
        """Return the time of day, wrong by as much as the nemesis wants."""
        return time.time() + self._board[self._name]


class Worker:
    """One process, for as long as it is left alive."""

    def __init__(self, folder: Path, role: Role, generation: int) -> None:
        """Describe it.

        Args:
            folder: Of the torture.
            role: Which process it is.
            generation: How often it was born before.
        """
        self.plan, self.board, self.role = Plan.read(folder), Board(folder), role
        self.wishes = self.plan.wishes
        self.random = Random(f"{self.wishes.seed}-{role.name}-{generation}")
        self._points = crash_points(self.wishes.broker)
        self._acknowledged = folder / f"{role.name}.acknowledged"
        self._parent = os.getppid()
        self._disk = FailingDisk() if self.wishes.disk_fails_share else None

    def live(self) -> None:
        """Do what the role does until the board says stop."""
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            processors=[self._count, structlog.processors.JSONRenderer(default=str)],
            logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        )
        mistakes.put_in(self.wishes.broken)
        self._stop_where_asked()
        with (
            _clock.use_clock(JumpingClock(self.board, self.role)),
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(self._live())

    def _stop_where_asked(self) -> None:
        """Stop between two transactions of a batch, once where the board says so."""
        own, slot = _crash.point, f"{self.role.name}/stops_itself"

        def point(name: str) -> None:
            if name == _BETWEEN and self.board[slot]:
                self.board[slot] = 0
                os.kill(os.getpid(), signal.SIGSTOP)
            own(name)

        _crash.point = point

    def _count(
        self, _: object, level: str, line: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Count a line of the log, and keep it where it is no routine."""
        name = str(line.get("event"))
        about = {"event.handled": "outcome", "event.failed": "outcome"}.get(name)
        slot = f"{self.role.name}/{line.get(about) if about else name}"
        if name == "event.redelivered":
            slot = f"{self.role.name}/retried"
        if slot in self.board:
            self.board.count(slot)
        if level == "info" or name == "event.failed":
            raise structlog.DropEvent
        return {"at": round(time.time(), 3), "level": level, **line}

    async def _live(self) -> None:
        urls = self.plan.urls(self.role)
        database = AsyncDatabase(urls[self.role.database])
        broker = connect(urls["broker"])
        watching = asyncio.create_task(self._watch())
        parts, work = self._parts(database, broker)
        await self._insist(broker.open)
        for part in parts:
            await self._insist(part.open)
        await work()
        await watching
        for part in parts:
            await part.drain()
            await part.close()
        await broker.close()
        await database.close()

    def _parts(
        self, database: AsyncDatabase, broker: Broker
    ) -> tuple[list[Outbox | Consumer], Callable[[], Awaitable[None]]]:
        if self.role.kind == "producer":
            return [], lambda: self._produce(database)
        if self.role.kind == "relay":
            carried = mistakes.carried_by(self.wishes.broken, broker, database)
            return [Outbox(database, carried)], _nothing
        heard = mistakes.heard_from(self.wishes, broker)
        consumer = Consumer(
            database,
            heard,
            story.hearing(self.wishes, self._is_trouble, self.random),
            group=self.role.database,
            random=self.random,
        )
        return [consumer], _nothing

    def _is_trouble(self) -> bool:
        return self.board["trouble"] > 0

    async def _insist(self, begin: Callable[[], Awaitable[None]]) -> None:
        """Open a part, as often as it takes: a server may be away meanwhile."""
        while True:
            try:
                return await begin()
            except FAILURES:
                if self._is_over():
                    return
                await asyncio.sleep(0.2)

    async def _watch(self) -> None:
        """Obey the board until it says stop; die with the parent."""
        name = self.role.name
        armed = 0
        while not self._is_over():
            if self._disk is not None:
                self._disk.fail(self.board["disk_fails_share"])
            point = int(self.board[f"{name}/armed_point"])
            if point != armed:
                armed = point
                after = int(self.board[f"{name}/armed_after"])
                _crash.plan(f"{self._points[point - 1]}@{after}" if point else "")
            await asyncio.sleep(_LOOK_SECONDS)
        _crash.plan("")
        if self._disk is not None:
            self._disk.fail(0)

    def _is_over(self) -> bool:
        return self.board["stop"] > 0 or os.getppid() != self._parent

    async def _produce(self, database: AsyncDatabase) -> None:
        """Place orders, no more than allowed, until the quota is made."""
        while not self._is_over():
            try:
                async with database.reading() as session:
                    maker = {"maker": self.role.name}
                    made = int(await session.scalar(_made, maker) or 0)
                while made < self.plan.quota and not self._is_over():
                    if made >= self.board["allowed"]:
                        await asyncio.sleep(_LOOK_SECONDS)
                    else:
                        made += await self._place(database)
                        await self._pause()
            except FAILURES:
                self.board.count(f"{self.role.name}/producer.failed")
            await asyncio.sleep(0.1)

    async def _pause(self) -> None:
        if self.wishes.pause_seconds:
            await asyncio.sleep(self.random.expovariate(1 / self.wishes.pause_seconds))

    async def _place(self, database: AsyncDatabase) -> int:
        """Place a few orders in one transaction; return how many were."""
        told: list[Event] = []
        apart = self.wishes.broken == "dual-write"
        with suppress(story.RolledBack):
            async with database.transaction() as transaction:
                told = await story.place(
                    transaction, self.role.name, self.wishes, self.random
                )
                if not apart:
                    story.tell(transaction, told)
                if self.random.random() < story.ROLLED_BACK_SHARE:
                    self.board.count(f"{self.role.name}/rolled_back")
                    raise story.RolledBack
            self._acknowledge(told)
            if apart:
                _crash.point("producer.after_commit")
                async with database.transaction() as transaction:
                    story.tell(transaction, told)
            return len(told)
        return 0

    def _acknowledge(self, told: list[Event]) -> None:
        """Note what was committed as far as this process was told."""
        tokens = "".join(f"{event.model_dump()['token']}\n" for event in told)
        with self._acknowledged.open("a") as file:
            file.write(tokens)


async def _nothing() -> None:
    """Do nothing: the part works by itself."""
