"""A broker in a SQLite file, for the processes of one machine."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import structlog

from fleetwright import _crash
from fleetwright._clock import clock
from fleetwright._sqlite import sqlite_module, working
from fleetwright.errors import FleetwrightError, Unavailable
from fleetwright.events._broker import BEHIND, Delivery, Receiver
from fleetwright.events._envelope import MOST_BODY_BYTES, Message
from fleetwright.events._kept import Backlog, Span
from fleetwright.events.brokers import _embedded_view
from fleetwright.events.brokers._embedded_file import LEASE_SECONDS, EmbeddedFile
from fleetwright.events.brokers._wake import LANES, LOOK, Bell, ring

KEEP_SECONDS = 24 * 3600.0
KEEP_MESSAGES = 200_000
_PURGE_SECONDS = 60.0
T = TypeVar("T")
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class EmbeddedBroker:
    """A file that publishers and groups share: at least once, in order per lane.

    A message is durable when `publish` returns, also against a power cut. Publishes
    that come while another is written are committed together. Members of a group share
    its lanes by lease; a dead member's lanes are taken within two seconds. Messages are
    kept for a day, 200,000 at most, and as long as a group waits for them. Safe to call
    from several tasks of one event loop.

    Attributes:
        path: Of the file.
        keep_seconds: How long messages that were heard can be heard again.
    """

    is_essential: Final = False
    keep_seconds: Final = KEEP_SECONDS

    def __init__(self, path: str) -> None:
        """Describe the broker; the file is opened by `open`.

        Args:
            path: Of the file; its folder must exist.
        """
        self.path = path
        self._file: EmbeddedFile | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: list[tuple[Sequence[Message], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the file; safe to call again.

        Raises:
            FleetwrightError: It cannot be kept there, or there is no safe SQLite.
        """
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="embedded-broker")
            try:
                self._file = await self._in_thread(lambda: EmbeddedFile(self.path))
            except BaseException:
                self._thread.shutdown(wait=False)
                self._thread = None
                raise

    async def close(self) -> None:
        """Close the file; safe to call again."""
        thread, file = self._thread, self._file
        if thread is None or file is None:
            return
        await self._in_thread(file.close)
        self._thread = self._file = None
        thread.shutdown(wait=False)

    async def check(self) -> None:
        """Raise when the file does not answer."""
        await self.run(lambda file: file.check())

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Keep messages; they are durable when this returns.

        Args:
            messages: In order.

        Returns:
            The ids of messages that are too large; later ones of their keys with them.

        Raises:
            Unavailable: The file could not be written.
        """
        refused = _too_large(messages)
        accepted = [message for message in messages if message.id not in refused]
        if accepted:
            kept = asyncio.get_running_loop().create_future()
            self._waiting.append((accepted, kept))
            if self._writing is None:
                self._writing = asyncio.create_task(self._write(), name="publishing")
            await kept
        return refused

    async def _write(self) -> None:
        """Write what waits, in one commit; what comes meanwhile makes the next one."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                messages = [one for accepted, _ in batch for one in accepted]
                error = await self._written(messages)
                for _, kept in batch:
                    if kept.done():  # whoever waited for it gave up
                        continue
                    if error is None:
                        kept.set_result(None)
                    else:
                        kept.set_exception(error)
        finally:
            self._writing = None

    async def _written(self, messages: Sequence[Message]) -> FleetwrightError | None:
        try:
            bells = await self.run(lambda file: file.publish(messages))
        except FleetwrightError as error:
            return error
        _crash.point("relay.before_bell")
        ring(bells, LOOK)
        return None

    async def subscribe(self, group: str, topics: Sequence[str]) -> Receiver:
        """Join a group and declare what it hears.

        Args:
            group: The consuming service.
            topics: What it hears; a new group also hears what is kept.

        Returns:
            Where its messages come in.
        """
        await self.run(lambda file: file.subscribe(group, topics))
        receiver = EmbeddedReceiver(self, group)
        await receiver.open()
        return receiver

    async def unsubscribe(self, group: str, topics: Sequence[str]) -> None:
        """Deliver these topics no more to a group.

        Args:
            group: The consuming service.
            topics: What it hears no more.
        """
        await self.run(lambda file: file.unsubscribe(group, topics))

    async def subscribe_again(self, group: str, topics: Sequence[str]) -> None:
        """Deliver these topics to a group, as before, and what is kept of them.

        Args:
            group: The consuming service.
            topics: What it hears.
        """
        await self.run(lambda file: file.subscribe(group, topics))

    async def run(self, work: Callable[[EmbeddedFile], T]) -> T:
        """Run work at the file in its thread.

        Args:
            work: What to do.

        Returns:
            What it returned.

        Raises:
            Unavailable: The file could not be read or written.
            FleetwrightError: The broker is not open.
        """
        file = self._file
        if file is None:
            raise FleetwrightError(
                "the broker is not open",
                where=self.path,
                hint="add it to the service before what uses it",
            )
        try:
            return await self._in_thread(lambda: work(file))
        except (sqlite_module().Error, OSError) as error:
            raise Unavailable(
                f"the broker's file cannot be used: {error}",
                reason="connect",
                provider="broker",
                where=self.path,
                hint="check free disk space and the file's permissions",
            ) from error

    async def backlog(self, group: str, topics: Sequence[str]) -> Backlog:
        """Return what a group has not heard yet; the broker need not be open.

        Args:
            group: The consuming service.
            topics: What it hears; others that still come are told as well.
        """
        found = await asyncio.to_thread(_embedded_view.waiting, self.path, group)
        counts = {topic: count for topic, (count, _) in found.items()}
        oldest = {topic: at for topic, (_, at) in found.items()}
        return Backlog(sum(counts.values()), counts, oldest)

    async def deliver_again(self, group: str, topic: str, span: Span) -> int:
        """Have kept messages delivered to a group once more; need not be open.

        Args:
            group: The consuming service; its inbox tells what it has handled.
            topic: Which ones.
            span: From when to when, or from which number to which.

        Returns:
            How many come again.
        """
        again = _embedded_view.deliver_again
        return await asyncio.to_thread(again, self.path, group, topic, span)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        with working():
            return await loop.run_in_executor(self._thread, work)


class EmbeddedReceiver:
    """One member of a group: its lanes by lease, its bell."""

    def __init__(self, broker: EmbeddedBroker, group: str) -> None:
        """Describe the member.

        Args:
            broker: Whose messages it receives.
            group: The consuming service.
        """
        self._broker = broker
        self._group = group
        self._lanes: dict[int, int] = {}
        self._has_surplus = False
        self._lanes_changed = False
        self._in_hand: set[int] = set()
        self._woken = asyncio.Event()
        self._bell: Bell | None = None
        self._tending: asyncio.Task[None] | None = None
        self._purge_at = clock().monotonic() + _PURGE_SECONDS

    async def open(self) -> None:
        """Take a share of the lanes and renew it from now on."""
        self._bell = Bell(self._broker.path, self._rung)
        await self._tend()
        self._tending = asyncio.create_task(self._keep_tending(), name="lanes")

    def _rung(self, what: bytes) -> None:
        if what == LANES:
            self._lanes_changed = True
        self._woken.set()

    @property
    def lanes(self) -> Mapping[int, int]:
        """The lanes owned now, and their epochs."""
        return self._lanes

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """Wait for messages of the lanes owned.

        Args:
            limit: How many at most.

        Returns:
            At least one delivery, oldest first within a lane.
        """
        if self._in_hand:  # not acknowledged: is it still ours?
            self._in_hand.clear()
            self._lanes_changed = True
        while True:
            self._woken.clear()
            if self._lanes_changed or self._has_surplus:
                self._lanes_changed = False
                await self._tend()
            found = await self._read(limit)
            if found:
                self._in_hand = {delivery.position for delivery in found}
                return found
            await self._woken.wait()

    async def _read(self, limit: int) -> list[Delivery]:
        group, lanes = self._group, dict(self._lanes)
        return await self._broker.run(lambda file: file.read(group, lanes, limit))

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Forget deliveries, where the lane has not changed hands since.

        Args:
            deliveries: What was received and is done.
        """
        owner = self._owner
        are_ours = await self._broker.run(
            lambda file: file.acknowledge(self._group, owner, deliveries)
        )
        self._in_hand.difference_update(one.position for one in deliveries)
        if not are_ours:
            self._lanes_changed = True

    async def close(self) -> None:
        """Leave the group; others take the lanes at once."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.gather(self._tending, return_exceptions=True)
            self._tending = None
        if self._bell is None:
            return
        owner = self._owner
        self._bell.close()
        self._bell = None
        others = await self._broker.run(lambda file: file.leave(self._group, owner))
        ring(others, LANES)
        self._lanes = {}

    @property
    def _owner(self) -> str:
        return self._bell.name if self._bell is not None else ""

    async def _keep_tending(self) -> None:
        while True:
            await clock().sleep(LEASE_SECONDS / 3)
            try:
                await self._tend()
                await self._purge()
            except (FleetwrightError, OSError) as error:
                _log.warning("lanes.not_renewed", group=self._group, error=str(error))
            self._woken.set()  # the slow poll: a ring may have been lost

    async def _tend(self) -> None:
        owner, may_release = self._owner, not self._in_hand
        self._lanes, self._has_surplus, others = await self._broker.run(
            lambda file: file.tend(self._group, owner, may_release=may_release)
        )
        ring(others, LANES)

    async def _purge(self) -> None:
        if clock().monotonic() < self._purge_at:
            return
        purged = await self._broker.run(
            lambda file: file.purge(KEEP_SECONDS, KEEP_MESSAGES)
        )
        self._purge_at = clock().monotonic() + (0.0 if purged else _PURGE_SECONDS)


def _too_large(messages: Sequence[Message]) -> dict[str, str]:
    refused: dict[str, str] = {}
    keys = set()
    for message in messages:
        if len(message.body) > MOST_BODY_BYTES:
            refused[message.id] = f"the body has {len(message.body)} bytes"
            keys.add(message.order_key)
        elif message.order_key in keys:
            refused[message.id] = BEHIND
    return refused
