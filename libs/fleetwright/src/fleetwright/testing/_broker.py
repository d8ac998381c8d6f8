"""FakeBroker: published, deliver(), parked."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import func, select

from fleetwright._service import Service
from fleetwright.errors import DeclarationError, Unavailable
from fleetwright.events._broker import Delivery
from fleetwright.events._envelope import LANES, Message, encode
from fleetwright.events._event import Event
from fleetwright.events._tables import inbox, outbox, parked

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
        handled: How many events the service's handlers have handled; a delivery that
            was recognised as a repetition is not counted.
        parked: Events that could not be handled and wait for another try.
        is_down: Whether publishing fails; set it to see what the service does then.
    """

    is_essential: Final = False

    def __init__(self) -> None:
        """Start with nothing published and nobody listening."""
        self.handled = 0
        self.parked: list[Event] = []
        self.is_down = False
        self._messages: list[Message] = []
        self._receivers: list[_FakeReceiver] = []
        self._service: Service | None = None

    @property
    def published(self) -> list[Event]:
        """What the service published, in order, as the events it declares."""
        return [_event(one.topic, one.body) for one in self._messages]

    def serve(self, service: Service) -> None:
        """Learn whose broker this is; `serving` says so.

        Args:
            service: The service under test.
        """
        self._service = service

    async def deliver(self, event: Event, times: int = 1) -> None:
        """Have the service hear an event, and wait until it is done with it.

        Args:
            event: What happened elsewhere.
            times: How often the same message is delivered, one right after the other.

        Raises:
            DeclarationError: The service does not hear such events.
            TimeoutError: The service does not get done with it.
        """
        message = encode(event, source="test")
        hearing = [one for one in self._receivers if message.topic in one.topics]
        if not hearing:
            raise DeclarationError(
                f"nobody hears {message.topic!r}",
                where=f"FakeBroker.deliver({type(event).__name__})",
                hint="add a Consumer whose subscriptions have it, and start the"
                " service: serving(app, broker=broker)",
            )
        before = await self._count("Consumer", _HANDLED)
        for receiver in hearing:
            for _ in range(times):
                receiver.put(message)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            for receiver in hearing:
                await receiver.done()
        self.handled += await self._count("Consumer", _HANDLED) - before
        self.parked = [
            _event(topic, bytes(body)) for topic, body in await self._rows(_PARKED)
        ]
        await self.settle()

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

    async def subscribe(self, group: str, topics: Sequence[str]) -> "_FakeReceiver":
        """Give the consumer a receiver for what the test delivers.

        Args:
            group: The name of the consuming service.
            topics: What it hears.

        Returns:
            The receiver; it owns all lanes.
        """
        receiver = _FakeReceiver(frozenset(topics), self._receivers)
        self._receivers.append(receiver)
        return receiver

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


class _FakeReceiver:
    """What a consumer receives: all lanes, oldest first, until acknowledged."""

    def __init__(
        self, topics: frozenset[str], receivers: "list[_FakeReceiver]"
    ) -> None:
        """Start with nothing to receive."""
        self.topics = topics
        self._receivers = receivers
        self._waiting: dict[int, Delivery] = {}
        self._position = 0
        self._arrived = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def lanes(self) -> Mapping[int, int]:
        """All lanes, in their first epoch."""
        return dict.fromkeys(range(LANES), 1)

    def put(self, message: Message) -> None:
        """Have the message received."""
        self._position += 1
        delivery = Delivery(message, message.lane, 1, self._position)
        self._waiting[self._position] = delivery
        self._arrived.set()
        self._empty.clear()

    async def done(self) -> None:
        """Wait until all is acknowledged."""
        await self._empty.wait()

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Wait for what the test delivers."""
        await self._arrived.wait()
        return list(self._waiting.values())[:limit]

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Forget these."""
        for delivery in deliveries:
            self._waiting.pop(delivery.position, None)
        if not self._waiting:
            self._arrived.clear()
            self._empty.set()

    async def close(self) -> None:
        """Receive no more."""
        if self in self._receivers:
            self._receivers.remove(self)


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
