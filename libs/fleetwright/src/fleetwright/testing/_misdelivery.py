"""Misdelivery: the events of a test come twice, late, in another order, after a crash.

A test delivers as it always does; how its messages reach the service is decided here.
First it runs twice undisturbed. That tells what it leaves behind, which columns differ
by themselves, and which deliveries follow each other without anybody looking between
them: only among those may the order change, or the test would not mean the same.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID, uuid5

from fleetwright.events._envelope import Message, step_key
from fleetwright.events._subscriptions import Subscriptions
from fleetwright.testing._final_state import State, differences
from fleetwright.testing._manners import DISTURBED, Manner

_DEATH = "fleetwright.testing: died"
_TRIES = 20


class Died(BaseException):
    """What a process does not survive: no service catches it."""


@dataclass(slots=True)
class Story:
    """What is known of a test from its runs so far.

    Attributes:
        follows: For each call of `deliver` whether it came right after the one before.
        undisturbed: What each undisturbed run left behind, service by service.
    """

    follows: list[bool] = field(default_factory=list)
    undisturbed: list[list[State]] = field(default_factory=list)


class Misdelivery:
    """One run of one test: how its events are delivered, and what is demanded after.

    Attributes:
        manner: How its events are delivered.
        died: Set when the service's process has died.
    """

    def __init__(self, manner: Manner, story: Story, random: Random) -> None:
        """Describe a run.

        Args:
            manner: How its events are delivered.
            story: What is known of the test.
            random: Where another order comes from.
        """
        self.manner = manner
        self.died = asyncio.Event()
        self._story = story
        self._random = random
        self._calls = 0
        self._left = 0
        self._before: list[Message] = []
        self._dying_uncommitted: set[str] = set()
        self._dying_unacknowledged: set[str] = set()
        if manner not in DISTURBED:
            story.undisturbed.append([])

    def begins(self, follows: bool) -> bool:
        """Tell whether a delivery is to be held back: another one follows at once.

        Args:
            follows: Whether it came right after the one before.
        """
        if self.manner is Manner.PLAIN:
            self._story.follows.append(follows)
        self._calls += 1
        later = self._story.follows[self._calls : self._calls + 1]
        return self.manner in (Manner.REORDER, Manner.DELAY) and later == [True]

    def batches(self, told: Sequence[Sequence[Message]]) -> list[Sequence[Message]]:
        """Return what reaches the service at once, batch after batch.

        Args:
            told: What the test delivered, each as often as it said.
        """
        if self.manner is Manner.DUP:
            earlier, self._before = self._before, [*self._before, *_each_once(told)]
            twice = [[*some, *some] for some in told]
            return [*twice, earlier] if earlier else [*twice]
        if self.manner is Manner.REORDER:
            return [*self._in_another_order(told)]
        if self.manner is Manner.DELAY:
            return [[message for some in told for message in some]]
        if self.manner is Manner.CRASH:
            ids = {one.id for one in _each_once(told)}
            self._dying_uncommitted |= {_death_of(id) for id in ids}
            self._dying_unacknowledged |= ids
        return [*told]

    def last(self) -> Sequence[Message]:
        """Return what comes again when the test is over."""
        return self._before

    def _in_another_order(
        self, told: Sequence[Sequence[Message]]
    ) -> list[Sequence[Message]]:
        """Change the order across keys; within a key it is a promise."""
        keys = [some[0].order_key for some in told]
        order = list(keys)
        for _ in range(_TRIES if len(set(keys)) > 1 else 0):
            self._random.shuffle(order)
            if order != keys:
                break
        queues = {
            key: [some for some in told if some[0].order_key == key] for key in keys
        }
        return [queues[key].pop(0) for key in order]

    def mortal(self, subscriptions: Subscriptions) -> Subscriptions:
        """Return reactions that die once before the commit, where crashes are asked.

        Args:
            subscriptions: Of the service.
        """
        if self.manner is not Manner.CRASH:
            return subscriptions
        made = Subscriptions()
        for one in subscriptions:
            reaction = self._dying(one.reaction)
            made.on(one.kind, redelivery=one.redelivery)(reaction)
        return made

    def _dying(
        self, reaction: Callable[[Any, Any], Awaitable[None]]
    ) -> Callable[[Any, Any], Awaitable[None]]:
        @functools.wraps(reaction)
        async def die_once(event: Any, transaction: Any) -> None:
            await reaction(event, transaction)
            await transaction.flush()
            # The key of a step is the same for every delivery of one message.
            death = step_key(_DEATH)
            if death in self._dying_uncommitted:
                self._dying_uncommitted.discard(death)
                self.died.set()
                raise Died

        return die_once

    def acknowledging(self, messages: Sequence[Message]) -> None:
        """Die before an acknowledgement, once for each message.

        Args:
            messages: What would be acknowledged.

        Raises:
            Died: The process is gone; nothing is acknowledged.
        """
        ids = {message.id for message in messages}
        # One that was never handled cannot die before its commit any more.
        self._dying_uncommitted -= {_death_of(id) for id in ids}
        if dying := self._dying_unacknowledged & ids:
            self._dying_unacknowledged -= dying
            self.died.set()
            raise Died

    def conclude(self, state: State) -> str:
        """Return how the state a service was left in is not what it should be.

        Args:
            state: What is found at the end.

        Returns:
            The differences, a line each; empty when there are none, or where the
            undisturbed runs were not among what was run.
        """
        place, self._left = self._left, self._left + 1
        undisturbed = self._story.undisturbed
        if self.manner not in DISTURBED:
            undisturbed[-1].append(state)
            return ""
        known = [states[place] for states in undisturbed if place < len(states)]
        return "\n".join(differences(state, known)) if len(known) > 1 else ""


def _death_of(id: str) -> str:
    return str(uuid5(UUID(id), _DEATH))


def _each_once(told: Sequence[Sequence[Message]]) -> list[Message]:
    return [some[0] for some in told]
