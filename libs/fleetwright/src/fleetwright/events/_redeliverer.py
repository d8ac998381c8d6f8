"""The retries of parked events: the head of each key, when it is due."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random

import structlog
from sqlalchemy.exc import SQLAlchemyError

from fleetwright import _crash
from fleetwright._clock import clock
from fleetwright.database import AsyncDatabase
from fleetwright.errors import FleetwrightError
from fleetwright.events import _inbox, _metrics, _parking
from fleetwright.events._parking import Parked, State
from fleetwright.events._reacting import react, verdict_on
from fleetwright.events._subscriptions import Subscription, Subscriptions

_POLL_SECONDS = 2.0
_OTHERS_SECONDS = 0.2  # where other processes are at all that is due
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class Redeliverer:
    """Tries parked events again: exactly once in effect, in order per key.

    Only the head of a key is tried, by any process of the group: it takes the row out
    in the transaction of the reaction, so that two never succeed at one event.
    """

    def __init__(
        self,
        database: AsyncDatabase,
        subscriptions: Subscriptions,
        group: str,
        random: Random,
    ) -> None:
        """Describe whose events are tried again.

        Args:
            database: Where they are parked.
            subscriptions: What is heard.
            group: Who hears.
            random: Where the jitter comes from.
        """
        self._database = database
        self._subscriptions = subscriptions
        self._group = group
        self._random = random
        self.beside: Sequence[Callable[[], Awaitable[None]]] = ()
        self._woken = asyncio.Event()
        self._is_waiting = False
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start looking for events that are due."""
        self._task = asyncio.create_task(self._run(), name="redeliverer")

    def wake(self) -> None:
        """Look again: something was parked or revived."""
        self._woken.set()

    async def stop(self) -> None:
        """Finish the one event that is being tried, if any, and stop."""
        self._is_stopping = True
        if self._task is None:
            return
        if self._is_waiting:
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    async def _run(self) -> None:
        while not self._is_stopping:
            self._woken.clear()
            pause = _POLL_SECONDS
            for do in self.beside:
                await do()
            try:
                pause = await self._try_due()
            except (FleetwrightError, SQLAlchemyError, OSError) as error:
                _log.warning("redelivery.failed", error=str(error), again_in=pause)
            await self._wait(pause)

    async def _wait(self, seconds: float) -> None:
        self._is_waiting = True
        try:
            if not self._is_stopping:
                async with asyncio.timeout(min(seconds, _POLL_SECONDS)):
                    await self._woken.wait()
        except TimeoutError:
            pass  # due, or another process may have parked something
        finally:
            self._is_waiting = False

    async def _try_due(self) -> float:
        """Try what is due; return how long nothing will be."""
        while not self._is_stopping:
            async with self._database.reading() as session:
                topics = self._subscriptions.topics
                heads = await _parking.heads(session, self._group, topics)
            now = clock().now()
            due = [head for head in heads if self._is_due(head, now)]
            if not due:
                return heads[0].next_at - now if heads else _POLL_SECONDS
            tried = [await self._try(head) for head in due]
            if not any(tried):
                return _OTHERS_SECONDS
        return _POLL_SECONDS

    def _is_due(self, head: Parked, now: float) -> bool:
        if head.next_at <= now:
            return True
        subscription = self._subscriptions.find(head.message.topic)
        if subscription is None:
            return False
        # The time of day was put back since: no wait is that long.
        longest = subscription.redelivery.longest_wait_seconds(head.attempts)
        return head.next_at - now > longest

    async def _try(self, head: Parked) -> bool:
        """Try one event again; return whether it was ours to try."""
        subscription = self._subscriptions.find(head.message.topic)
        if subscription is None or self._is_stopping:
            return False
        try:
            is_ours = await self._apply(subscription, head)
        except Exception as error:  # the story of a reaction ends here, as in _consumer
            await self._keep(subscription, head, error)
            return True
        _crash.point("consumer.after_retry")
        if is_ours:
            _metrics.redelivered(self._group, head.message, "handled")
            _log.info("event.redelivered", **_facts(head))
        return is_ours

    async def _apply(self, subscription: Subscription, head: Parked) -> bool:
        async with self._database.transaction() as transaction:
            group = self._group
            if not await _parking.take(transaction, group, head):
                return False
            if await _inbox.record(transaction, group, head.message.id):
                await react(subscription, head.message, transaction, group)
        return True

    async def _keep(
        self, subscription: Subscription, head: Parked, error: Exception
    ) -> None:
        attempts = head.attempts + 1
        verdict = verdict_on(error, attempts, subscription.redelivery, self._random)
        async with self._database.transaction() as transaction:
            await _parking.keep(transaction, self._group, head, verdict)
        outcome = "parked" if verdict.state is State.RETRY else "dead"
        _metrics.redelivered(self._group, head.message, outcome)
        if verdict.state is State.RETRY:
            _log.warning("event.failed", **_facts(head), error=verdict.error)
        else:
            _log.error("event.died", **_facts(head), exc_info=error)


def _facts(head: Parked) -> dict[str, object]:
    return {
        "topic": head.message.topic,
        "message": head.message.id,
        "lane": head.lane,
        "attempts": head.attempts + 1,
    }
