"""The story of events coming in: claim, yours, commit; or park.

Reads from top to bottom in `Settler.settle`, for one event. Several share a transaction
where they can (`settle_all`), and each that fails there goes on alone.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from random import Random

import structlog

from fleetwright import _crash
from fleetwright._clock import clock
from fleetwright.database import AsyncDatabase
from fleetwright.events import _hearing, _inbox, _parking
from fleetwright.events._broker import Delivery
from fleetwright.events._envelope import Message
from fleetwright.events._inbox import Hold, Seen
from fleetwright.events._metrics import Heard
from fleetwright.events._pace import Pace
from fleetwright.events._parking import State, Verdict
from fleetwright.events._reacting import (
    QUICK_PAUSES_SECONDS,
    is_transient,
    react,
    verdict_on,
)
from fleetwright.events._sharing import Shared, Task, share
from fleetwright.events._subscriptions import Subscription, Subscriptions

_ALONE_AT_ONCE = 4
_MOST_UNTOLD = 4096  # more than a batch
_Place = tuple[str, int]
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class Outcome(StrEnum):
    """What became of one delivery."""

    HANDLED = "handled"
    DUPLICATE = "duplicate"
    PARKED = "parked"
    DEAD = "dead"
    UNHEARD = "unheard"
    FENCED = "fenced"


class Settler:
    """Settles deliveries of one group: handled, parked or kept for others, each once.

    Attributes:
        outcomes: How often each outcome was seen.
        untold: What became of deliveries, to be counted when there is time.
    """

    def __init__(
        self,
        database: AsyncDatabase,
        subscriptions: Subscriptions,
        group: str,
        random: Random,
        *,
        on_parked: Callable[[], None],
    ) -> None:
        """Describe whose deliveries are settled.

        Args:
            database: Where the effects are.
            subscriptions: What is heard from now on.
            group: Who hears.
            random: Where the jitter of redelivery comes from.
            on_parked: Told when an event was parked.
        """
        self.outcomes = dict.fromkeys(Outcome, 0)
        self.untold: deque[Heard] = deque(maxlen=_MOST_UNTOLD)
        self._database = database
        self._reactions = {one.kind.__topic__: one for one in subscriptions}
        self._group = group
        self._random = random
        self._on_parked = on_parked
        self._holds: dict[_Place, tuple[int, Hold]] = {}
        self._pace = Pace(database.dialect)
        self._unheard: set[str] = set()  # topics that were told

    def forget_lanes(self) -> None:
        """Take each lane anew when it is handed to us next."""
        self._holds.clear()

    async def settle(
        self, delivery: Delivery, *, failed: Exception | None = None
    ) -> Outcome:
        """Settle one delivery in transactions of its own.

        Args:
            delivery: What came in. Deliveries of one key must not overlap.
            failed: Why its reaction failed just now, if it did.

        Returns:
            What became of it; it may be acknowledged unless it is FENCED.

        Raises:
            SQLAlchemyError: The database failed; nothing happened, deliver it again.
        """
        started = time.perf_counter()  # not the Clock: uvloop's has whole milliseconds
        outcome, error = await self._tell(delivery, failed)
        self._log(delivery, outcome, time.perf_counter() - started, error)
        return outcome

    async def _tell(
        self, delivery: Delivery, error: Exception | None
    ) -> tuple[Outcome, str | None]:
        message = delivery.message
        subscription = self._reactions.get(message.topic)
        hold = await self._hold(delivery)
        if subscription is None:
            return await self._keep_for_others(hold, message), None
        pauses = iter(QUICK_PAUSES_SECONDS)
        while True:
            if error is not None:
                pause_seconds = next(pauses, None)
                if pause_seconds is None or not is_transient(error):
                    return await self._park_failed(subscription, hold, message, error)
                await clock().sleep(pause_seconds)
            try:
                seen = await self._apply(subscription, hold, message)
            except Exception as failure:  # the story of a reaction ends here
                error = failure
            else:
                _crash.point("consumer.after_commit")
                return await self._conclude(seen, hold, message)

    async def _hold(self, delivery: Delivery) -> Hold:
        """Shut out earlier owners of the lane, once per tenure."""
        place = _place(delivery)
        epoch, hold = self._holds.get(place, (None, None))
        if hold is None or epoch != delivery.epoch:
            async with self._database.transaction() as transaction:
                hold = await _inbox.take_lane(transaction, self._group, *place)
            self._holds[place] = delivery.epoch, hold
        return hold

    async def _apply(
        self, subscription: Subscription, hold: Hold, message: Message
    ) -> Seen:
        """Commit the effects and the row that says "heard", both or neither."""
        async with self._database.transaction() as transaction:
            seen = await _inbox.claim(transaction, hold, message)
            if seen is Seen.NEW:
                await react(subscription, message, transaction, self._group)
        return seen

    async def _conclude(
        self, seen: Seen, hold: Hold, message: Message
    ) -> tuple[Outcome, str | None]:
        if seen is Seen.NEW:
            return Outcome.HANDLED, None
        if seen is Seen.DUPLICATE:
            return Outcome.DUPLICATE, None
        if seen is Seen.FENCED:
            return self._shut_out(hold), None
        behind = Verdict(0, clock().now(), None, State.RETRY)
        return await self._park(hold, message, behind), None

    def _shut_out(self, hold: Hold) -> Outcome:
        """Forget the lane: handed to us again, it is ours anew."""
        self._holds.pop((hold.stream, hold.lane), None)
        return Outcome.FENCED

    async def _park_failed(
        self,
        subscription: Subscription,
        hold: Hold,
        message: Message,
        error: Exception,
    ) -> tuple[Outcome, str]:
        verdict = verdict_on(error, 1, subscription.redelivery, self._random)
        outcome = await self._park(hold, message, verdict)
        if outcome is Outcome.DEAD:
            _log.error(
                "event.died",
                topic=message.topic,
                message=message.id,
                exc_info=error,
            )
        return outcome, f"{type(error).__name__}: {error}"

    async def _park(self, hold: Hold, message: Message, verdict: Verdict) -> Outcome:
        _crash.point("consumer.before_park")
        async with self._database.transaction() as transaction:
            is_ours = await _parking.park(transaction, hold, message, verdict)
        _crash.point("consumer.after_park")
        if not is_ours:
            return self._shut_out(hold)
        self._on_parked()
        return Outcome.PARKED if verdict.state is State.RETRY else Outcome.DEAD

    async def _keep_for_others(self, hold: Hold, message: Message) -> Outcome:
        """Keep what this process does not hear for one that does: in its place.

        Acknowledged away it would be lost for the newer version of the service, which
        made the broker send it.
        """
        topic, now = message.topic, clock().now()
        async with self._database.transaction() as transaction:
            is_heard = await _hearing.is_heard(transaction, hold.group, topic)
            state = State.RETRY if is_heard else State.UNHEARD
            verdict = Verdict(0, now, "nobody here hears it yet", state)
            is_ours = await _parking.park(transaction, hold, message, verdict)
        if not is_ours:
            return self._shut_out(hold)
        if topic not in self._unheard:
            self._unheard.add(topic)
            _log.warning("topic.unheard", group=hold.group, topic=topic)
        return Outcome.UNHEARD

    async def settle_all(
        self,
        deliveries: Sequence[Delivery],
        done: dict[int, Delivery],
        *,
        goes_on: Callable[[], bool],
    ) -> None:
        """Settle deliveries of some lanes, in order per key, several at a time.

        Args:
            deliveries: What came in, in order per lane.
            done: Filled with what may be acknowledged, by its `id()`: a message can be
                among them twice.
            goes_on: Whether more is to be begun.

        Raises:
            SQLAlchemyError: The database failed; deliver the rest again.
        """
        waiting = list(deliveries)
        while waiting and goes_on():
            batch, others = _first_of_each_key(waiting, self._pace.limit)
            lost = await self._settle_batch(batch, done, goes_on)
            left = [one for one in batch if id(one) not in done]
            waiting = [one for one in (*left, *others) if _place(one) not in lost]

    async def _settle_batch(
        self,
        batch: Sequence[Delivery],
        done: dict[int, Delivery],
        goes_on: Callable[[], bool],
    ) -> set[_Place]:
        """Settle what can be; return the lanes that have a newer owner."""
        tasks: list[Task] = []
        alone: list[tuple[Delivery, Exception | None]] = []
        for delivery in batch:
            subscription = self._reactions.get(delivery.message.topic)
            if subscription is None or len(batch) == 1:
                alone.append((delivery, None))
            else:
                hold = await self._hold(delivery)
                tasks.append(Task(delivery, subscription, hold))
        if tasks:
            shared = await self._share(tasks, goes_on)
            done.update(
                (id(task.delivery), task.delivery) for task, _ in shared.handled
            )
            done.update(
                (id(task.delivery), task.delivery) for task in shared.duplicates
            )
            alone += [(task.delivery, error) for task, error in shared.failed]
            alone += [(task.delivery, None) for task in shared.not_new]
        else:
            self._pace.went(len(batch), len(batch))
        return await self._each_alone(alone, done, goes_on)

    async def _share(
        self, tasks: Sequence[Task], goes_on: Callable[[], bool]
    ) -> Shared:
        """Settle what can be settled together; what cannot is to be settled alone."""
        try:
            shared = await share(self._database, tasks, goes_on=goes_on)
        except Exception as error:  # whoever of them it was meets it again, alone
            self._pace.was_undone()
            _log.info("batch.undone", count=len(tasks), error=str(error))
            return Shared(not_new=list(tasks))
        _crash.point("consumer.after_commit")
        self._pace.went(len(tasks), len(tasks) - len(shared.not_begun))
        for task, seconds in shared.handled:
            self._log(task.delivery, Outcome.HANDLED, seconds, None)
        for task in shared.duplicates:
            self._log(task.delivery, Outcome.DUPLICATE, 0.0, None)
        return shared

    async def _each_alone(
        self,
        deliveries: Sequence[tuple[Delivery, Exception | None]],
        done: dict[int, Delivery],
        goes_on: Callable[[], bool],
    ) -> set[_Place]:
        """Settle each in transactions of its own; they have different keys."""
        at_once = asyncio.Semaphore(_ALONE_AT_ONCE)
        lost: set[_Place] = set()
        errors: list[BaseException] = []

        async def settle(delivery: Delivery, failed: Exception | None) -> None:
            async with at_once:
                if errors or (failed is None and not goes_on()):
                    return
                try:
                    outcome = await self.settle(delivery, failed=failed)
                except BaseException as error:
                    errors.append(error)
                    raise
            if outcome is Outcome.FENCED:
                lost.add(_place(delivery))
            else:
                done[id(delivery)] = delivery

        if len(deliveries) == 1:
            await settle(*deliveries[0])
            return lost
        settling = [settle(*each) for each in deliveries]
        await asyncio.gather(*settling, return_exceptions=True)
        if errors:
            raise errors[0]
        return lost

    def _log(
        self, delivery: Delivery, outcome: Outcome, seconds: float, error: str | None
    ) -> None:
        self.outcomes[outcome] += 1
        self.untold.append(Heard(delivery.message, outcome, seconds, error))
        facts = {
            "topic": delivery.message.topic,
            "message": delivery.message.id,
            "lane": delivery.lane,
            "outcome": str(outcome),
            "duration_ms": round(seconds * 1000, 3),
        }
        if error is None:
            _log.info("event.handled", **facts)
        else:
            _log.warning("event.failed", **facts, error=error)


def _place(delivery: Delivery) -> _Place:
    return delivery.stream, delivery.lane


def _first_of_each_key(
    waiting: Sequence[Delivery], limit: int
) -> tuple[list[Delivery], list[Delivery]]:
    """Return the next of each key, some at most, and the others in their order."""
    first: list[Delivery] = []
    others: list[Delivery] = []
    keys: set[str] = set()
    for delivery in waiting:
        key = delivery.message.order_key
        if key in keys or len(first) == limit:
            others.append(delivery)
        else:
            first.append(delivery)
        keys.add(key)
    return first, others
