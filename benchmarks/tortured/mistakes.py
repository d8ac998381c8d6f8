"""Five ways to break the promise, put into the library of the workers."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import _crash
from fleetwright.database import AsyncDatabase
from fleetwright.errors import Unavailable
from fleetwright.events import Broker
from fleetwright.events._broker import Delivery, Receiver
from fleetwright.events._envelope import Message
from fleetwright.events._tables import outbox
from tortured.plan import LEASE_SECONDS, Wishes

MISTAKES = {
    "no-inbox": "what was heard before is handled again",
    "ack-before-effect": "a delivery is acknowledged before its effect is committed",
    "retry-without-parking": "later events of a key do not wait behind one that failed",
    "delete-before-publish": "the outbox forgets an event before the broker has it",
    "dual-write": "the event is published after the transaction it tells of",
}

LESSER_MISTAKES = {
    "no-fence": "who was paused past its lease goes on as if it had not been",
    "retries-in-place": "an event that failed is tried again before the next one",
    "forgets-failures": "what the broker could not keep is taken for kept",
    "no-heartbeat": "a lease is renewed between batches only",
}


# Where a relay is to die, and where it does with the mistake of its own.
_BEFORE, _FORGOTTEN = "relay.before_publish", "relay.forgotten"


def put_in(broken: str) -> None:
    """Put a mistake into the code of this process, where it is one of code.

    Args:
        broken: Its name; empty for none.
    """
    if broken == "no-inbox":
        _no_inbox()
    elif broken == "retry-without-parking":
        _no_waiting_behind()
    elif broken == "delete-before-publish":
        _die_between_its_steps()
    elif broken == "no-fence":
        _no_fence()
    elif broken == "retries-in-place":
        _retries_in_place()
    elif broken == "no-heartbeat":
        _no_heartbeat()


def _die_between_its_steps() -> None:
    """Have the relay die where it would lose an event, and not before both steps."""
    own = _crash.point

    def point(name: str) -> None:
        if name == _FORGOTTEN:
            own(_BEFORE)
        elif name != _BEFORE:
            own(name)

    _crash.point = point


def _no_inbox() -> None:
    from fleetwright.events import _inbox

    async def claim(*_: object) -> _inbox.Seen:
        return _inbox.Seen.NEW

    async def claim_all(_: Any, messages: Any) -> set[str]:
        return {message.id for _, message in messages}

    async def always(*_: object) -> bool:
        return True

    async def none(*_: object) -> set[str]:
        return set()

    async def never(*_: object) -> bool:
        return False

    mistakes = {
        "claim": claim,
        "claim_all": claim_all,
        "record": always,
        "is_known": never,
        "known_of": none,
    }
    for name, mistake in mistakes.items():
        assert hasattr(_inbox, name), f"_inbox has no {name}: mend the mistake"
        setattr(_inbox, name, mistake)


def _no_waiting_behind() -> None:
    from fleetwright.events import _inbox

    own = _inbox.claim

    async def claim(transaction: Any, hold: Any, message: Message) -> _inbox.Seen:
        seen = await own(transaction, hold, message)
        if seen is _inbox.Seen.BEHIND:
            await _inbox.record(transaction, hold.group, message.id)
            return _inbox.Seen.NEW
        return seen

    _inbox.claim = claim


def _no_fence() -> None:
    from fleetwright.events import _inbox

    own = _inbox.take_lane

    async def take_lane(
        transaction: AsyncSession, group: str, stream: str, lane: int
    ) -> _inbox.Hold:
        hold = await own(transaction, group, stream, lane)
        return replace(hold, epoch=2**40)

    _inbox.take_lane = take_lane


def _retries_in_place() -> None:
    from fleetwright.events import _settling

    for name, mistake in (
        ("is_transient", lambda _: True),
        ("QUICK_PAUSES_SECONDS", (0.5, 0.5)),
    ):
        assert hasattr(_settling, name), f"_settling has no {name}: mend the mistake"
        setattr(_settling, name, mistake)


def _no_heartbeat() -> None:
    from fleetwright.events.brokers._embedded import EmbeddedReceiver

    async def between_batches(receiver: Any) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            if not receiver._in_hand:
                await receiver._tend()
            receiver._woken.set()

    receiver: Any = EmbeddedReceiver
    assert hasattr(receiver, "_keep_tending"), "mend the mistake"
    receiver._keep_tending = between_batches


def carried_by(broken: str, broker: Broker, database: AsyncDatabase) -> Broker:
    """Return what a relay publishes to.

    Args:
        broken: The mistake.
        broker: The broker as it is.
        database: Of the relay.
    """
    if broken == "delete-before-publish":
        return _Forgetful(broker, database)
    if broken == "forgets-failures":
        return _Hopeful(broker)
    return broker


def heard_from(wishes: Wishes, broker: Broker) -> Broker:
    """Return what a consumer subscribes to.

    Args:
        wishes: The mistake, and how often each message is delivered.
        broker: The broker as it is.
    """
    hasty = wishes.broken == "ack-before-effect"
    if not hasty and wishes.deliveries == 1:
        return broker
    heard: Any = _Heard(broker, wishes.deliveries, hasty=hasty)
    return heard  # type: ignore[no-any-return]


class _Wrapped:
    """A broker with one thing done otherwise."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


class _Forgetful(_Wrapped):
    """Deletes the rows it publishes, then publishes them."""

    def __init__(self, broker: Broker, database: AsyncDatabase) -> None:
        super().__init__(broker)
        self._database = database

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        ids = [message.id for message in messages]
        async with self._database.transaction() as transaction:
            await transaction.execute(delete(outbox).where(outbox.c.id.in_(ids)))
        _crash.point(_FORGOTTEN)
        return await self._broker.publish(messages)


class _Hopeful(_Wrapped):
    """Takes everything for kept."""

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        try:
            return await self._broker.publish(messages)
        except Unavailable:
            return {}


class _Heard(_Wrapped):
    """Delivers each message as often as is wished; may acknowledge it at once."""

    def __init__(self, broker: Broker, deliveries: int, *, hasty: bool) -> None:
        super().__init__(broker)
        self._deliveries, self._hasty = deliveries, hasty

    async def subscribe(self, group: str, topics: Sequence[str]) -> Any:
        receiver = await self._broker.subscribe(group, topics)
        return _HeardReceiver(receiver, self._deliveries, hasty=self._hasty)


class _HeardReceiver:
    def __init__(self, receiver: Receiver, deliveries: int, *, hasty: bool) -> None:
        self._receiver, self._deliveries = receiver, deliveries
        self._hasty = hasty

    def __getattr__(self, name: str) -> Any:
        return getattr(self._receiver, name)

    async def receive(self, limit: int) -> Sequence[Delivery]:
        deliveries = await self._receiver.receive(limit)
        if self._hasty:
            await self._receiver.acknowledge(deliveries)
        # Copies: a broker that delivers again does not hand out the same object.
        return [replace(one) for one in deliveries for _ in range(self._deliveries)]

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        if not self._hasty:
            once = {(one.stream, one.lane, one.position): one for one in deliveries}
            await self._receiver.acknowledge(list(once.values()))
