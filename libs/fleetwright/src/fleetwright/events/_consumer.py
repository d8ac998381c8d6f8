"""Consumer: hears events for a group, as a part of a service."""

import asyncio
from collections.abc import Coroutine, Sequence
from random import Random
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from fleetwright import _crash
from fleetwright._clock import clock
from fleetwright.database import AsyncDatabase
from fleetwright.errors import FleetwrightError
from fleetwright.events import _metrics, _parking
from fleetwright.events._broker import Broker, Delivery, Receiver
from fleetwright.events._hearing import Saying
from fleetwright.events._redeliverer import Redeliverer
from fleetwright.events._retention import Retention
from fleetwright.events._settling import Outcome, Settler
from fleetwright.events._subscriptions import Subscriptions
from fleetwright.events._tables import CONSUMER_TABLES, ensure
from fleetwright.events._upkeep import Memory, of_group
from fleetwright.events._watch import GroupWatch

BATCH = 512
_AT_ONCE = {"sqlite": 1}  # one writer: others would only stand in its queue
_AT_ONCE_ELSEWHERE = 4
_LONGEST_PAUSE_SECONDS = 5.0
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


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
        retention: How long what was heard is remembered.
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
        retention: Retention | None = None,
    ) -> None:
        """Describe the consumer; nothing is received yet.

        Args:
            database: Where the effects are.
            broker: Where the events come from.
            subscriptions: What is heard.
            group: Who hears; the service's name when None.
            random: Where the jitter of redelivery comes from.
            retention: How long what was heard is remembered; the usual when None.
        """
        self.database = database
        self.broker = broker
        self.subscriptions = subscriptions
        self.retention = retention or Retention()
        self.service: str | None = None
        self._group = group
        self._random = random or Random()  # noqa: S311 - jitter is no secret
        self._settler: Settler | None = None
        self._receiver: Receiver | None = None
        self._receiving: asyncio.Task[None] | None = None
        self._redeliverer: Redeliverer | None = None
        self._saying: Saying | None = None
        self._is_waiting = False
        self._is_stopping = False

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

    def deliver(self, delivery: Delivery) -> Coroutine[Any, Any, Outcome]:
        """Handle one delivery; the story of one event coming in.

        Args:
            delivery: What came in. Deliveries of one lane must not overlap.

        Returns:
            What became of it; it may be acknowledged unless it is FENCED.

        Raises:
            SQLAlchemyError: The database failed; nothing happened, deliver it again.
        """
        return self._settling().settle(delivery)

    def _settling(self) -> Settler:
        if self._settler is None:
            self._settler = Settler(
                self.database,
                self.subscriptions,
                self.group,
                self._random,
                on_parked=self._wake_redeliverer,
            )
        return self._settler

    def _wake_redeliverer(self) -> None:
        if self._redeliverer is not None:
            self._redeliverer.wake()

    async def open(self) -> None:
        """Make the tables, join the group and start to hear.

        Raises:
            FleetwrightError: It is not known who hears.
        """
        group = self.group
        await ensure(self.database, CONSUMER_TABLES)
        await self.broker.open()
        self._is_stopping = False
        self._settling().forget_lanes()
        topics = self.subscriptions.topics
        self._saying = Saying(self.database, group, topics, self.broker)
        await self._saying.start()
        receiver = await self.broker.subscribe(group, topics)
        self._receiver = receiver
        self._redeliverer = Redeliverer(
            self.database, self.subscriptions, group, self._random
        )
        memory = Memory(group, topics, self.retention, self.broker)
        await memory.look()
        upkeep = of_group(self.database, group, self.retention)
        watch = GroupWatch(self.database, self.broker, group, topics)
        self._redeliverer.beside = (memory.look, watch.look, upkeep.tend)
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
        if self._saying is not None:
            await self._saying.stop()
            self._saying = None
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
        if self._saying is None or not self._saying.is_running:
            raise FleetwrightError(
                "nobody says what is heard here; others take this process for gone",
                where=f"the group {self.group}",
                hint="look for `hearing.failed` in the log, restart the service",
            )

    async def facts(self) -> dict[str, object]:
        """Return what was heard by this process and what waits in the database.

        Returns:
            `group`, `topics`, `lanes` (owned now), `parked` (waiting for another try),
            `unheard` (of these, how many of each topic that this process does not
            hear), `dead`, and how often each outcome was seen under `outcomes`.
        """
        topics = self.subscriptions.topics
        async with self.database.reading() as session:
            waiting, dead = await _parking.counts(session, self.group)
            unheard = await _parking.unheard(session, self.group, topics)
        return {
            "group": self.group,
            "topics": list(topics),
            "lanes": len(self._receiver.lanes) if self._receiver is not None else 0,
            "parked": waiting,
            "unheard": unheard,
            "dead": dead,
            "outcomes": {
                str(outcome): count
                for outcome, count in self._settling().outcomes.items()
            },
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
        self._wake_redeliverer()
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
        """Settle what came in: in order per key, some lanes at once."""
        at_once = _AT_ONCE.get(self.database.dialect, _AT_ONCE_ELSEWHERE)
        shares: list[list[Delivery]] = [[] for _ in range(at_once)]
        places: dict[tuple[str, int], int] = {}
        for one in deliveries:
            place = places.setdefault((one.stream, one.lane), len(places))
            shares[place % at_once].append(one)
        done: dict[int, Delivery] = {}
        settler = self._settling()
        hearing = [
            settler.settle_all(share, done, goes_on=lambda: not self._is_stopping)
            for share in shares
            if share
        ]
        results = await asyncio.gather(*hearing, return_exceptions=True)
        _metrics.heard(self.group, self.broker, settler.untold)
        acknowledged = _without_gaps(deliveries, done)
        if acknowledged:
            _crash.point("consumer.before_ack")
            await receiver.acknowledge(acknowledged)
            _crash.point("consumer.after_ack")
        for result in results:
            if isinstance(result, BaseException):
                raise result
        if not acknowledged and not self._is_stopping:
            # Another process owns what we were given; two that both think so must not
            # shut each other out in step.
            await clock().sleep(self._random.uniform(0.05, 0.15))


def _without_gaps(
    deliveries: Sequence[Delivery], done: dict[int, Delivery]
) -> list[Delivery]:
    """Return the first ones of each lane that are done, up to one that is not."""
    first, ended = [], set()
    for one in deliveries:
        place = one.stream, one.lane
        if id(one) not in done:
            ended.add(place)
        elif place not in ended:
            first.append(one)
    return first
