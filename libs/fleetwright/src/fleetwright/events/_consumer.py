"""The story of one event coming in: claim, yours, commit; or park.

Reads from top to bottom in `Consumer.deliver`.
"""

import asyncio
import time
from collections.abc import Sequence
from enum import StrEnum
from random import Random
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from fleetwright import _crash
from fleetwright._clock import clock
from fleetwright.database import AsyncDatabase
from fleetwright.errors import FleetwrightError
from fleetwright.events import _inbox, _parking
from fleetwright.events._broker import Broker, Delivery, Receiver
from fleetwright.events._envelope import Message
from fleetwright.events._inbox import Hold, Seen
from fleetwright.events._parking import State, Verdict
from fleetwright.events._reacting import (
    QUICK_PAUSES_SECONDS,
    is_transient,
    react,
    verdict_on,
)
from fleetwright.events._redeliverer import Redeliverer
from fleetwright.events._subscriptions import Subscription, Subscriptions
from fleetwright.events._tables import CONSUMER_TABLES, ensure

BATCH = 128
_LANES_AT_ONCE = {"sqlite": 2}  # one writer: more would only stand in its queue
_LANES_AT_ONCE_ELSEWHERE = 8
_LONGEST_PAUSE_SECONDS = 5.0
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class Outcome(StrEnum):
    """What became of one delivery."""

    HANDLED = "handled"
    DUPLICATE = "duplicate"
    PARKED = "parked"
    DEAD = "dead"
    IGNORED = "ignored"
    FENCED = "fenced"


class Consumer:
    """Hears events: effects happen exactly once and in order per key.

    A part of a service. The reaction runs in one transaction with the row that says
    "heard"; an event that fails is parked in the same database and tried again, and
    later events of its key wait behind it. Several processes of one group share the
    lanes. Effects outside the transaction happen at least once: give the callee
    `step_key(...)`.

    Attributes:
        database: Where the effects are.
        broker: Where the events come from.
        subscriptions: What is heard.
        service: The name of the service this is a part of; set before it is opened.
    """

    is_essential: Final = False

    def __init__(
        self,
        database: AsyncDatabase,
        broker: Broker,
        subscriptions: Subscriptions,
        *,
        group: str | None = None,
        random: Random | None = None,
    ) -> None:
        """Describe the consumer; nothing is received yet.

        Args:
            database: Where the effects are.
            broker: Where the events come from.
            subscriptions: What is heard.
            group: Who hears; the service's name when None.
            random: Where the jitter of redelivery comes from.
        """
        self.database = database
        self.broker = broker
        self.subscriptions = subscriptions
        self.service: str | None = None
        self._group = group
        self._random = random or Random()  # noqa: S311 - jitter is no secret
        self._holds: dict[tuple[str, int], tuple[int, Hold]] = {}
        self._receiver: Receiver | None = None
        self._receiving: asyncio.Task[None] | None = None
        self._redeliverer: Redeliverer | None = None
        self._is_waiting = False
        self._is_stopping = False
        self._outcomes = dict.fromkeys(Outcome, 0)

    @property
    def group(self) -> str:
        """Who hears.

        Raises:
            FleetwrightError: Neither a group nor a service is known.
        """
        name = self._group or self.service
        if name is None:
            raise FleetwrightError(
                "nobody knows who this consumer hears for",
                where="Consumer(database, broker, subscriptions)",
                hint='add it to a Service, or give it group="orders"',
            )
        return name

    async def deliver(self, delivery: Delivery) -> Outcome:
        """Handle one delivery; the story of one event coming in.

        Args:
            delivery: What came in. Deliveries of one lane must not overlap.

        Returns:
            What became of it; it may be acknowledged unless it is FENCED.

        Raises:
            SQLAlchemyError: The database failed; nothing happened, deliver it again.
        """
        started = time.perf_counter()  # not the Clock: uvloop's has whole milliseconds
        outcome, error = await self._tell(delivery)
        self._outcomes[outcome] += 1
        milliseconds = round((time.perf_counter() - started) * 1000, 3)
        facts = {
            "topic": delivery.message.topic,
            "message": delivery.message.id,
            "lane": delivery.lane,
            "outcome": str(outcome),
            "duration_ms": milliseconds,
        }
        if error is None:
            _log.info("event.handled", **facts)
        else:
            _log.warning("event.failed", **facts, error=error)
        return outcome

    async def _tell(self, delivery: Delivery) -> tuple[Outcome, str | None]:
        message = delivery.message
        subscription = self.subscriptions.find(message.topic)
        if subscription is None:
            return Outcome.IGNORED, None
        hold = await self._hold(delivery)
        for pause_seconds in (*QUICK_PAUSES_SECONDS, None):
            try:
                seen = await self._apply(subscription, hold, message)
            except Exception as error:  # the story of a reaction ends here
                if pause_seconds is None or not is_transient(error):
                    return await self._park_failed(subscription, hold, message, error)
                await clock().sleep(pause_seconds)
            else:
                _crash.point("consumer.after_commit")
                return await self._conclude(seen, hold, message)
        raise AssertionError("the last attempt has no pause")

    async def _hold(self, delivery: Delivery) -> Hold:
        """Shut out earlier owners of the lane, once per tenure."""
        place = delivery.stream, delivery.lane
        epoch, hold = self._holds.get(place, (None, None))
        if hold is None or epoch != delivery.epoch:
            async with self.database.transaction() as transaction:
                hold = await _inbox.take_lane(transaction, self.group, *place)
            self._holds[place] = delivery.epoch, hold
        return hold

    async def _apply(
        self, subscription: Subscription, hold: Hold, message: Message
    ) -> Seen:
        """Commit the effects and the row that says "heard", both or neither."""
        async with self.database.transaction() as transaction:
            seen = await _inbox.claim(transaction, hold, message)
            if seen is Seen.NEW:
                await react(subscription, message, transaction, self.group)
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
        async with self.database.transaction() as transaction:
            is_ours = await _parking.park(transaction, hold, message, verdict)
        _crash.point("consumer.after_park")
        if not is_ours:
            return self._shut_out(hold)
        if self._redeliverer is not None:
            self._redeliverer.wake()
        return Outcome.PARKED if verdict.state is State.RETRY else Outcome.DEAD

    async def open(self) -> None:
        """Make the tables, join the group and start to hear.

        Raises:
            FleetwrightError: It is not known who hears.
        """
        group = self.group
        await ensure(self.database, CONSUMER_TABLES)
        await self.broker.open()
        self._is_stopping = False
        self._holds.clear()
        receiver = await self.broker.subscribe(group, self.subscriptions.topics)
        self._receiver = receiver
        self._redeliverer = Redeliverer(
            self.database, self.subscriptions, group, self._random
        )
        self._redeliverer.start()
        self._receiving = asyncio.create_task(self._run(receiver), name="consumer")

    async def drain(self) -> None:
        """Finish the events begun, acknowledge them and take no more."""
        self._is_stopping = True
        if self._redeliverer is not None:
            await self._redeliverer.stop()
        if self._receiving is not None:
            if self._is_waiting:
                self._receiving.cancel()
            await asyncio.gather(self._receiving, return_exceptions=True)

    async def close(self) -> None:
        """Stop at once and leave the group; what was begun is delivered again."""
        if self._redeliverer is not None:
            await self._redeliverer.stop()
            self._redeliverer = None
        if self._receiving is not None:
            self._receiving.cancel()
            await asyncio.gather(self._receiving, return_exceptions=True)
            self._receiving = None
        if self._receiver is not None:
            await self._receiver.close()
            self._receiver = None

    async def check(self) -> None:
        """Raise when nothing is heard any more.

        Raises:
            FleetwrightError: The consumer is not running.
        """
        if self._receiving is None or self._receiving.done():
            raise FleetwrightError(
                "events are not being heard",
                where=f"the group {self.group}",
                hint="look for `consumer.failed` in the log, restart the service",
            )

    async def facts(self) -> dict[str, object]:
        """Return what was heard by this process and what waits in the database.

        Returns:
            `group`, `topics`, `lanes` (owned now), `parked` (waiting for another try),
            `dead`, and how often each outcome was seen under `outcomes`.
        """
        async with self.database.reading() as session:
            waiting, dead = await _parking.counts(session, self.group)
        return {
            "group": self.group,
            "topics": list(self.subscriptions.topics),
            "lanes": len(self._receiver.lanes) if self._receiver is not None else 0,
            "parked": waiting,
            "dead": dead,
            "outcomes": {str(key): count for key, count in self._outcomes.items()},
        }

    async def parked(self) -> Sequence[_parking.Parked]:
        """Return what is parked or dead, in order per key."""
        async with self.database.reading() as session:
            return await _parking.everything(session, self.group)

    async def redrive(self, message_id: str | None = None) -> int:
        """Have dead events tried again; each still counts once.

        Args:
            message_id: Only this one; all that are dead for None.

        Returns:
            How many are tried again.
        """
        async with self.database.transaction() as transaction:
            count = await _parking.revive(transaction, self.group, message_id)
        if self._redeliverer is not None:
            self._redeliverer.wake()
        return count

    async def _run(self, receiver: Receiver) -> None:
        failures = 0
        while not self._is_stopping:
            try:
                self._is_waiting = True
                deliveries = await receiver.receive(BATCH)
                self._is_waiting = False
                await self._hear(receiver, deliveries)
            except (FleetwrightError, SQLAlchemyError, OSError) as error:
                self._is_waiting = False
                failures += 1
                pause = min(_LONGEST_PAUSE_SECONDS, 0.1 * 2**failures)
                _log.warning("consumer.failed", error=str(error), again_in=pause)
                await clock().sleep(pause)
            else:
                failures = 0

    async def _hear(self, receiver: Receiver, deliveries: Sequence[Delivery]) -> None:
        """Handle a batch: in order within a lane, a few lanes at once."""
        lanes: dict[tuple[str, int], list[Delivery]] = {}
        for delivery in deliveries:
            place = delivery.stream, delivery.lane
            lanes.setdefault(place, []).append(delivery)
        done: list[Delivery] = []
        at_once = asyncio.Semaphore(
            _LANES_AT_ONCE.get(self.database.dialect, _LANES_AT_ONCE_ELSEWHERE)
        )

        async def hear_lane(waiting: Sequence[Delivery]) -> None:
            async with at_once:
                for delivery in waiting:
                    if self._is_stopping:
                        return
                    if await self.deliver(delivery) is Outcome.FENCED:
                        return
                    done.append(delivery)

        hearing = [hear_lane(waiting) for waiting in lanes.values()]
        results = await asyncio.gather(*hearing, return_exceptions=True)
        if done:
            _crash.point("consumer.before_ack")
            await receiver.acknowledge(done)
            _crash.point("consumer.after_ack")
        for result in results:
            if isinstance(result, BaseException):
                raise result
        if not done and not self._is_stopping:
            # Another process owns what we were given; two that both think so must not
            # shut each other out in step.
            await clock().sleep(self._random.uniform(0.05, 0.15))
