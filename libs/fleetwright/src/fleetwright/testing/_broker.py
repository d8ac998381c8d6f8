"""FakeBroker: published, deliver(), parked."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import func, select

from fleetwright._service import Service
from fleetwright.errors import DeclarationError, FleetwrightError, Unavailable
from fleetwright.events._consumer import Consumer
from fleetwright.events._envelope import Message, encode
from fleetwright.events._event import Event
from fleetwright.events._tables import inbox, outbox, parked
from fleetwright.testing._final_state import final_state
from fleetwright.testing._misdelivery import Misdelivery
from fleetwright.testing._receiver import FakeReceiver

_POLL_SECONDS = 0.001
_PATIENCE_SECONDS = 10.0
_WAITING = select(func.count()).select_from(outbox).where(outbox.c.parked_at.is_(None))
_HANDLED = select(func.count()).select_from(inbox)
_PARKED = select(parked.c.topic, parked.c.body)


class FakeBroker:
    """A broker in the hands of a test.

    Stands in for the service's broker in `serving(app, broker=broker)`. The outbox, the
    consumer, the inbox and the handlers are the real ones. With the client of `serving`
    what a request published is there when its response is.

    Attributes:
        is_down: Whether publishing fails; set it to see what the service does then.
    """

    is_essential: Final = False

    def __init__(self, misdelivery: Misdelivery | None = None) -> None:
        """Start with nothing published and nobody listening.

        Args:
            misdelivery: How else than as it is told each event is delivered.
        """
        self.is_down = False
        self._misdelivery = misdelivery
        self._handled = 0
        self._parked: list[Event] = []
        self._messages: list[Message] = []
        self._told: list[Sequence[Message]] = []
        self._receivers: list[FakeReceiver] = []
        self._left: dict[str, list[Message]] = {}
        self._joined = 0
        self._was_looked_at = True
        self._service: Service | None = None

    @property
    def published(self) -> list[Event]:
        """What the service published, in order, as the events it declares."""
        self._was_looked_at = True
        return [_event(one.topic, one.body) for one in self._messages]

    @property
    def handled(self) -> int:
        """How many events the service's handlers have handled."""
        self._was_looked_at = True
        return self._handled

    @property
    def parked(self) -> list[Event]:
        """Events that could not be handled and wait for another try."""
        self._was_looked_at = True
        return self._parked

    def serve(self, service: Service) -> None:
        """Learn whose broker this is; `serving` says so.

        Args:
            service: The service under test.
        """
        self._service = service
        if self._misdelivery is not None:
            for consumer in self._consumers():
                mortal = self._misdelivery.mortal(consumer.subscriptions)
                consumer.subscriptions = mortal

    async def deliver(self, event: Event, times: int = 1) -> None:
        """Have the service hear an event, and wait until it is done with it.

        Under `pytest --deliver ...` it is heard in other ways as well.

        Args:
            event: What happened elsewhere.
            times: How often the same message is delivered, one right after the other.

        Raises:
            DeclarationError: The service does not hear such events.
            TimeoutError: The service does not get done with it.
        """
        message = encode(event, source="test")
        if not any(message.topic in one.topics for one in self._receivers):
            raise DeclarationError(
                f"nobody hears {message.topic!r}",
                where=f"FakeBroker.deliver({type(event).__name__})",
                hint="add a Consumer whose subscriptions have it, and start the"
                " service: serving(app, broker=broker)",
            )
        self._told.append([message] * times)
        follows = not self._was_looked_at
        if self._misdelivery is None or not self._misdelivery.begins(follows):
            await self.deliver_held()
        # Whoever looks elsewhere than here lets the loop turn before the next delivery.
        self._was_looked_at = False
        asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        self._was_looked_at = True

    async def deliver_held(self) -> None:
        """Deliver what was held back, if anything was.

        Raises:
            TimeoutError: The service does not get done with it.
        """
        told, self._told = self._told, []
        batches: list[Sequence[Message]] = told
        if told and self._misdelivery is not None:
            batches = self._misdelivery.batches(told)
        for batch in batches:
            await self._hear(batch)

    async def ended(self) -> None:
        """Look at what the test leaves behind; `serving` says that it is over.

        Raises:
            AssertionError: Misdelivered events left something else behind.
        """
        if self._misdelivery is None or self._service is None:
            return
        await self.deliver_held()
        await self._hear(self._misdelivery.last())
        state = await final_state(self._service, self._messages)
        found = self._misdelivery.conclude(state)
        assert not found, (  # noqa: S101 - it is a test that fails
            f"{self._service.name} was left in another state by events delivered with"
            f" `{self._misdelivery.manner}`:\n{found}\nhint: an event may come twice,"
            " late, or after a crash that undid its transaction: have effects only in"
            " the transaction, keyed by what the event tells"
        )

    async def _hear(self, messages: Sequence[Message]) -> None:
        """Have messages heard at once; wait until the service is done with them."""
        if not messages:
            return
        before = await self._count("Consumer", _HANDLED)
        for message in messages:
            for receiver in self._receivers:
                if message.topic in receiver.topics:
                    receiver.put(message)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while waiting := [one for one in self._receivers if not one.is_done]:
                await self._until_done_or_dead(waiting)
        self._handled += await self._count("Consumer", _HANDLED) - before
        self._parked = [
            _event(topic, bytes(body)) for topic, body in await self._rows(_PARKED)
        ]
        await self.settle()

    async def _until_done_or_dead(self, waiting: Sequence[FakeReceiver]) -> None:
        """Wait for the first of several receivers; have who died start again."""
        if self._misdelivery is None:
            await waiting[0].done()
            return
        died = self._misdelivery.died
        told: list[asyncio.Task[object]] = [asyncio.create_task(died.wait())]
        told += [asyncio.create_task(one.done()) for one in waiting]
        try:
            await asyncio.wait(told, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in told:
                task.cancel()
        if died.is_set():
            died.clear()
            for consumer in self._consumers():
                await _start_again(consumer)

    def _consumers(self) -> Iterator[Any]:
        for part in self._service.parts if self._service is not None else ():
            if isinstance(part, Consumer):
                yield part

    async def settle(self) -> None:
        """Wait until everything that was committed has been published.

        Raises:
            TimeoutError: The outbox does not publish.
        """
        if self.is_down:
            return
        async with asyncio.timeout(_PATIENCE_SECONDS):
            # Asked again and again: a database tells nobody that a row has gone.
            while await self._count("Outbox", _WAITING):  # noqa: ASYNC110
                await asyncio.sleep(_POLL_SECONDS)

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing; what was published can still be looked at."""

    async def check(self) -> None:
        """Raise while the broker is down."""
        if self.is_down:
            raise Unavailable("the broker is down", reason="connect")

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Keep messages for the test to look at; known ids are not kept twice.

        Args:
            messages: What is published.

        Returns:
            Nothing is ever refused.

        Raises:
            Unavailable: The broker is down.
        """
        await self.check()
        known = {one.id for one in self._messages}
        self._messages += [one for one in messages if one.id not in known]
        return {}

    async def subscribe(self, group: str, topics: Sequence[str]) -> FakeReceiver:
        """Give the consumer a receiver for what the test delivers.

        Args:
            group: The name of the consuming service.
            topics: What it hears.

        Returns:
            The receiver; it owns all lanes.
        """
        self._joined += 1
        receiver = FakeReceiver(self, group, frozenset(topics), self._joined)
        self._receivers.append(receiver)
        for message in self._left.pop(group, ()):
            receiver.put(message)
        return receiver

    def acknowledging(self, messages: Sequence[Message]) -> None:
        """Let a process die before it acknowledges, where that is asked for.

        Args:
            messages: What it would acknowledge.
        """
        if self._misdelivery is not None:
            self._misdelivery.acknowledging(messages)

    def leave(self, receiver: FakeReceiver, waiting: Sequence[Message]) -> None:
        """Keep what a receiver leaves behind for the next one of its group.

        Args:
            receiver: Who goes.
            waiting: What it has not acknowledged.
        """
        if receiver in self._receivers:
            self._receivers.remove(receiver)
            self._left.setdefault(receiver.group, []).extend(waiting)

    async def _count(self, part: str, question: Any) -> int:
        rows = await self._rows(question, part)
        return int(rows[0][0]) if rows else 0

    async def _rows(self, question: Any, part: str = "Consumer") -> Sequence[Any]:
        """Ask the database of the service's outbox or consumer, if it has one."""
        for one in self._service.parts if self._service is not None else ():
            if type(one).__name__ == part:
                keeper: Any = one
                database = getattr(keeper.database, "on_loop", keeper.database)
                async with database.reading() as session:
                    return list(await session.execute(question))
        return []


async def _start_again(consumer: Consumer) -> None:
    """Do what happens to a process that died: nothing of it goes on, then it starts."""
    while True:
        try:
            await consumer.check()
        except FleetwrightError:
            break
        await asyncio.sleep(_POLL_SECONDS)  # what it was at is still being undone
    await consumer.close()
    await consumer.open()


def _event(topic: str, body: bytes) -> Event:
    """Return the event as it is declared here; the closest where several are."""
    kinds = [kind for kind in _declared(Event) if kind.__topic__ == topic]
    if not kinds:
        raise DeclarationError(
            f"no event of topic {topic!r} is declared here",
            where="FakeBroker.published",
            hint=f'import it, or declare it: class ...(Event, topic="{topic}")',
        )
    sent = set(json.loads(body))
    closest = max(kinds, key=lambda kind: -len(sent ^ set(kind.model_fields)))
    return closest.model_validate_json(body)


def _declared(kind: type[Event]) -> Iterator[type[Event]]:
    for below in kind.__subclasses__():
        yield below
        yield from _declared(below)
