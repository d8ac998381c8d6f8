"""Desk: what an operator asks of the events of one service."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Table, inspect
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright._clock import clock
from fleetwright._context import bind, new_call
from fleetwright._logs import shown
from fleetwright._secrets import mask
from fleetwright.database import AsyncDatabase, Database
from fleetwright.errors import FleetwrightError
from fleetwright.events import _by_hand, _parking, _stuck
from fleetwright.events._asyncapi import Composed, heard, sent
from fleetwright.events._consumer import Consumer
from fleetwright.events._event import Event
from fleetwright.events._kept import Counting, Keeping, Readable, Span, not_kept
from fleetwright.events._outbox import Outbox
from fleetwright.events._stuck import Stuck, Wanted
from fleetwright.events._tables import outbox, parked

_BODY_SHOWN_BYTES = 4096


class Desk:
    """Looks at the events of one service and moves those that are stuck.

    Works on the service's own database and broker, beside a running service or without
    one. What is tried again goes through the inbox: asking twice counts once.
    """

    def __init__(self, service: Composed, *, package: str | None = None) -> None:
        """Sit down at the desk of a service.

        Args:
            service: The service, put together; it is not opened.
            package: Its own import package; that of its settings when None.
        """
        self.service = service
        self.outboxes = [part for part in service.parts if isinstance(part, Outbox)]
        self.consumers = [part for part in service.parts if isinstance(part, Consumer)]
        self.sends = sent(service, package=package)
        self.hears = heard(service)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Use the databases within the block."""
        async with AsyncExitStack() as stack:
            for database in {_store(part.database) for part in self._parts}:
                stack.push_async_callback(database.close)
            yield

    @property
    def _parts(self) -> list[Outbox | Consumer]:
        return [*self.outboxes, *self.consumers]

    async def topics(self) -> dict[str, Any]:
        """Return what is sent and heard, and what waits where.

        Returns:
            `sends`, `hears`, `outbox` and `groups`: for each group what is parked and
            dead, and how far behind the broker it is (`backlog`, None where that is
            not known, with the reason under `backlog_error`).
        """
        return {
            "service": self.service.name,
            "sends": [_named(kind) for kind in self.sends],
            "hears": [_named(kind) for kind in self.hears],
            "outbox": await self._outboxes(),
            "groups": [
                {"group": part.group, "parked": await self._parking(part)}
                | await _backlog(part)
                for part in self.consumers
            ],
        }

    async def known(self) -> list[str]:
        """Return the topics that mean something here, sorted; the broker is not asked.

        They are sent, heard, or something of them has been left since they were.
        """
        rows = await self._outboxes()
        for part in self.consumers:
            rows += await self._parking(part)
        declared = {kind.__topic__ for kind in (*self.sends, *self.hears)}
        return sorted(declared | {row["topic"] for row in rows})

    async def _outboxes(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for part in self.outboxes:
            async with self._reading(part, outbox) as session:
                if session is not None:
                    rows += await _stuck.outbox_by_topic(session)
        return rows

    async def _parking(self, consumer: Consumer) -> list[dict[str, Any]]:
        async with self._reading(consumer, parked) as session:
            if session is None:
                return []
            return await _stuck.parked_by_topic(session, consumer.group)

    async def parked(self, wanted: Wanted, *, limit: int, behind: bool) -> list[Any]:
        """Return the facts of events that are parked, dead or refused.

        Args:
            wanted: Which ones.
            limit: How many at most of each group.
            behind: Whether those that only wait behind another one are told as well.
        """
        found = await self._stuck(wanted, limit=limit, behind=behind, leaving=False)
        return [shown("", one.facts()) for one in found]

    async def show(self, id: str, *, whole: bool) -> list[dict[str, Any]]:
        """Return an event with its headers and its body, wherever it waits here.

        Args:
            id: Of the message.
            whole: Whether the body is shown as it is; else secrets in it are masked as
                in logs and it is cut.

        Returns:
            Nothing where no such event waits.
        """
        found = await self._stuck(Wanted((id,)), limit=10, behind=True, leaving=True)
        return [
            shown("", one.facts() | {"attributes": one.headers})
            | {"body": _body(one.body, whole=whole)}
            for one in found
        ]

    async def _stuck(
        self, wanted: Wanted, *, limit: int, behind: bool, leaving: bool
    ) -> list[Stuck]:
        found: list[Stuck] = []
        for consumer in self.consumers:
            async with self._reading(consumer, parked) as session:
                if session is not None:
                    found += await _stuck.parked_ones(
                        session, consumer.group, wanted, limit=limit, behind=behind
                    )
        for part in self.outboxes:
            async with self._reading(part, outbox) as session:
                if session is not None:
                    found += await _stuck.outbox_ones(
                        session, wanted, limit=limit, leaving=leaving
                    )
        return found

    async def replay(self, wanted: Wanted) -> dict[str, Any]:
        """Have stuck events tried again by the service.

        Args:
            wanted: Which ones.

        Returns:
            `retried` (heard again), `resent` (carried to the broker again) and
            `handled`: of the ids asked for, those whose effects are there already.
        """
        retried, resent, known = list[str](), list[str](), list[str]()
        for consumer in self.consumers:
            async with self._writing(consumer, parked) as transaction:
                if transaction is not None:
                    group = consumer.group
                    retried += await _stuck.retry_parked(transaction, group, wanted)
                    known += await _stuck.handled(transaction, group, wanted.ids)
        for part in self.outboxes:
            async with self._writing(part, outbox) as transaction:
                if transaction is not None:
                    resent += await _stuck.retry_refused(transaction, wanted)
        return {"retried": retried, "resent": resent, "handled": known}

    async def reread(self, topic: str, span: Span) -> list[dict[str, Any]]:
        """Have messages that the broker kept delivered once more.

        Args:
            topic: Which ones.
            span: From when to when, or from which number to which.

        Returns:
            For each group that hears the topic how many come again; those that it
            has handled are recognised by its inbox, and none comes that is older than
            what the inbox remembers.

        Raises:
            FleetwrightError: The broker keeps nothing, or not in that way.
        """
        told = []
        for consumer in self.consumers:
            if topic in consumer.subscriptions.topics:
                kept = consumer.retention.inbox_seconds
                # What the inbox no longer knows would have its effects again.
                known = replace(span, not_before=clock().now() - kept)
                count = await self._again(consumer, topic, known)
                told.append({"group": consumer.group, "delivered_again": count})
        return told

    async def _again(self, consumer: Consumer, topic: str, span: Span) -> int:
        broker, group = consumer.broker, consumer.group
        if isinstance(broker, Keeping):
            return await broker.deliver_again(group, topic, span)
        if not isinstance(broker, Readable):
            raise not_kept(broker)
        count = 0
        async with aclosing(broker.read(group, topic, span)) as pages:
            async for page in pages:
                async with self._writing(consumer, parked) as transaction:
                    if transaction is not None:
                        count += len(page)
                        await _parking.park_again(transaction, group, page)
        return count

    async def discard(self, wanted: Wanted) -> dict[str, list[str]]:
        """Destroy stuck events; parked ones are ignored if they come again.

        Args:
            wanted: Which ones.

        Returns:
            `discarded`, and `handled`: of the ids asked for, those whose effects are
            there already.
        """
        gone, known = list[str](), list[str]()
        for consumer in self.consumers:
            async with self._writing(consumer, parked) as transaction:
                if transaction is not None:
                    group = consumer.group
                    ids = await _stuck.discard_parked(transaction, group, wanted)
                    gone += ids
                    left = [id for id in wanted.ids if id not in ids]
                    known += await _stuck.handled(transaction, group, left)
        for part in self.outboxes:
            async with self._writing(part, outbox) as transaction:
                if transaction is not None:
                    gone += await _stuck.discard_refused(transaction, wanted)
        return {"discarded": gone, "handled": known}

    async def publish(
        self, topic: str, body: bytes, *, version: int | None
    ) -> dict[str, Any]:
        """Publish an event as the service does: checked, and through its outbox.

        An event that the service only hears goes straight to the broker.

        Args:
            topic: What it tells.
            body: The data, JSON.
            version: Of the event; the newest that is declared when None.

        Returns:
            `id`, `topic`, `version`, `key` and `through` (`outbox` or `broker`).

        Raises:
            FleetwrightError: The service knows no such event, the data is not as
                declared, or the broker refuses it.
        """
        name = self.service.name
        kind = _by_hand.declared([*self.sends, *self.hears], topic, version, of=name)
        event = _by_hand.checked(kind, body)
        through = "outbox" if kind in self.sends else "broker"
        with bind(new_call(name)):
            if through == "outbox":
                database = _store(self.outboxes[0].database)
                id = await _by_hand.through_outbox(database, event)
            else:
                broker = self.consumers[0].broker
                id = await _by_hand.through_broker(broker, event, source=name)
        key = event.ordering_key()
        told = {"id": id, "topic": topic, "version": kind.__version__, "key": key}
        return told | {"through": through}

    @asynccontextmanager
    async def _reading(
        self, part: Outbox | Consumer, table: Table
    ) -> AsyncIterator[AsyncSession | None]:
        """Open a session; None where the service has never run on its database."""
        database = _store(part.database)
        if not await _has(database, table):
            yield None
            return
        async with database.reading() as session:
            yield session

    @asynccontextmanager
    async def _writing(
        self, part: Outbox | Consumer, table: Table
    ) -> AsyncIterator[AsyncSession | None]:
        """Open a transaction; None where the service has never run on its database."""
        database = _store(part.database)
        if not await _has(database, table):
            yield None
            return
        async with database.transaction() as transaction:
            yield transaction


def _store(database: AsyncDatabase | Database) -> AsyncDatabase:
    return database.on_loop if isinstance(database, Database) else database


async def _has(database: AsyncDatabase, table: Table) -> bool:
    """Return whether a service has made a table; never makes a file.

    Raises:
        Unavailable: The database does not answer.
    """
    file = database.engine.url.database
    if database.dialect == "sqlite" and not _is_there(file):
        return False
    await database.check()
    async with database.engine.connect() as connection:
        return await connection.run_sync(
            lambda sync: inspect(sync).has_table(table.name)
        )


def _is_there(file: str | None) -> bool:
    return file is not None and Path(file).exists()


async def _backlog(consumer: Consumer) -> dict[str, Any]:
    broker, topics = consumer.broker, consumer.subscriptions.topics
    if not isinstance(broker, Counting):
        reason = f"{type(broker).__name__} cannot tell"
        return {"backlog": None, "backlog_error": reason}
    try:
        found = await broker.backlog(consumer.group, topics)
    except (FleetwrightError, OSError) as error:
        return {"backlog": None, "backlog_error": mask(str(error).split("\n", 1)[0])}
    return {"backlog": asdict(found), "backlog_error": None}


def _named(kind: type[Event]) -> dict[str, Any]:
    return {"topic": kind.__topic__, "version": kind.__version__, "key": kind.__key__}


def _body(body: bytes, *, whole: bool) -> Any:
    """Return a body as JSON if it is any, else as text."""
    try:
        value = json.loads(body)
    except ValueError:
        value = body.decode("utf-8", "backslashreplace")
    if whole:
        return value
    if len(body) > _BODY_SHOWN_BYTES:
        text = body[:_BODY_SHOWN_BYTES].decode("utf-8", "ignore")
        return mask(text) + "..."
    return shown("body", value)
