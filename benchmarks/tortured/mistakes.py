"""Five ways to break the promise, put into the library of the workers."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete

from fleetwright import _crash
from fleetwright.database import AsyncDatabase
from fleetwright.events import Broker
from fleetwright.events._broker import Delivery, Receiver
from fleetwright.events._envelope import Message
from fleetwright.events._tables import outbox

MISTAKES = {
    "no-inbox": "what was heard before is handled again",
    "ack-before-effect": "a delivery is acknowledged before its effect is committed",
    "retry-without-parking": "later events of a key do not wait behind one that failed",
    "delete-before-publish": "the outbox forgets an event before the broker has it",
    "dual-write": "the event is published after the transaction it tells of",
}


def put_in(broken: str) -> None:
    """Put a mistake into the code of this process, where it is one of code.

    Args:
        broken: Its name; empty for none.
    """
    if broken == "no-inbox":
        _no_inbox()
    elif broken == "retry-without-parking":
        _no_waiting_behind()


def _no_inbox() -> None:
    from fleetwright.events import _inbox

    async def claim(*_: object) -> _inbox.Seen:
        return _inbox.Seen.NEW

    async def claim_all(_: Any, messages: Any) -> set[str]:
        return {message.id for _, message in messages}

    async def always(*_: object) -> bool:
        return True

    async def never(*_: object) -> bool:
        return False

    mistakes = {
        "claim": claim,
        "claim_all": claim_all,
        "record": always,
        "is_known": never,
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


def carried_by(broken: str, broker: Broker, database: AsyncDatabase) -> Broker:
    """Return what a relay publishes to.

    Args:
        broken: The mistake.
        broker: The broker as it is.
        database: Of the relay.
    """
    if broken == "delete-before-publish":
        return _Forgetful(broker, database)
    return broker


def heard_from(broken: str, broker: Broker) -> Broker:
    """Return what a consumer subscribes to.

    Args:
        broken: The mistake.
        broker: The broker as it is.
    """
    return _Hasty(broker) if broken == "ack-before-effect" else broker


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
        _crash.point("relay.before_publish")
        return await self._broker.publish(messages)


class _Hasty(_Wrapped):
    """Acknowledges what it hands out."""

    async def subscribe(self, group: str, topics: Sequence[str]) -> Receiver:
        receiver: Any = _HastyReceiver(await self._broker.subscribe(group, topics))
        return receiver  # type: ignore[no-any-return]


class _HastyReceiver:
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def __getattr__(self, name: str) -> Any:
        return getattr(self._receiver, name)

    async def receive(self, limit: int) -> Sequence[Delivery]:
        deliveries = await self._receiver.receive(limit)
        await self._receiver.acknowledge(deliveries)
        return deliveries

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing: it is done."""
