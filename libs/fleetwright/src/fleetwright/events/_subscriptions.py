"""Subscriptions: who hears what, declared."""

import inspect
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright.errors import DeclarationError
from fleetwright.events._event import Event
from fleetwright.events._redelivery import Redelivery

E = TypeVar("E", bound=Event)
Reaction = Callable[[E, AsyncSession], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a service does when it hears one kind of event.

    Attributes:
        kind: The event as this service declares it.
        reaction: What it does, in the transaction that records the delivery.
        redelivery: What happens when it fails.
    """

    kind: type[Event]
    reaction: Callable[[Any, AsyncSession], Awaitable[None]]
    redelivery: Redelivery


class Subscriptions:
    """What one service hears; filled at import by `on`."""

    def __init__(self) -> None:
        """Hear nothing yet."""
        self._by_topic: dict[str, Subscription] = {}

    def on(
        self, kind: type[E], *, redelivery: Redelivery | None = None
    ) -> Callable[[Reaction[E]], Reaction[E]]:
        """Declare what is done when an event is heard.

        The function runs in the transaction that records the delivery: its changes
        are committed exactly once per event, in order per key.

        Args:
            kind: The event, with the fields that are read.
            redelivery: What happens when the function raises; the default schedule
                when None.

        Returns:
            A decorator that returns the function unchanged.

        Raises:
            DeclarationError: The topic has a reaction already, or the function is not
                `async def f(event, transaction)`.
        """

        def declare(reaction: Reaction[E]) -> Reaction[E]:
            self._check(kind, reaction)
            self._by_topic[kind.__topic__] = Subscription(
                kind, reaction, redelivery or Redelivery()
            )
            return reaction

        return declare

    def _check(self, kind: Any, reaction: Callable[..., Any]) -> None:
        where = f"{reaction.__module__}.{reaction.__qualname__}"
        if not (isinstance(kind, type) and issubclass(kind, Event)):
            raise DeclarationError(
                f"{kind!r} is not an event",
                where=where,
                hint="declare a subclass of `Event` and subscribe to that",
            )
        taken = self._by_topic.get(kind.__topic__)
        if taken is not None:
            raise DeclarationError(
                f"{kind.__topic__} has a reaction already: {taken.reaction.__name__}",
                where=where,
                hint="do both in one function: an event is handled in one transaction",
            )
        try:
            inspect.signature(reaction).bind(object(), object())
            fits = inspect.iscoroutinefunction(reaction)
        except TypeError:
            fits = False
        if not fits:
            raise DeclarationError(
                f"{reaction.__name__} cannot react to {kind.__name__}",
                where=where,
                hint="write it as `async def f(event, transaction)`",
            )

    @property
    def topics(self) -> tuple[str, ...]:
        """What is heard, sorted."""
        return tuple(sorted(self._by_topic))

    def find(self, topic: str) -> Subscription | None:
        """Return what is done when a topic is heard, or None for nothing.

        Args:
            topic: Of a message.
        """
        return self._by_topic.get(topic)

    def __iter__(self) -> Iterator[Subscription]:
        """Return every subscription, by topic."""
        return iter([self._by_topic[topic] for topic in self.topics])
