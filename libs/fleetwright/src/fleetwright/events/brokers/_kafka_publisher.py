"""Publishing to Kafka: one window at a time, each message told its fate."""

import asyncio
from collections.abc import Mapping, Sequence

from fleetwright._clock import clock
from fleetwright.errors import FleetwrightError
from fleetwright.events._envelope import Message
from fleetwright.events.brokers._kafka_link import KafkaLink
from fleetwright.events.brokers._kafka_producer import Fate, KafkaProducer
from fleetwright.events.brokers._kafka_topics import Topics
from fleetwright.events.brokers._kafka_window import Window

PUBLISH_SECONDS = 5.0  # the longest wait for the confirms of a window
_WINDOW_MESSAGES = 1024
_TROUBLE_SECONDS = 30.0

_Waiting = tuple[Sequence[Message], asyncio.Future[Mapping[str, str]]]


class KafkaPublisher:
    """Publishes in windows: at least once, in order per key, bounded in time.

    What is published while a window is under way makes the next one. When a message
    is refused the others of its window are sent again one at a time, so that each one
    is known to be kept or not, and nothing overtakes what was refused. Safe to use
    from several tasks of one event loop.
    """

    def __init__(self, link: KafkaLink, topics: Topics) -> None:
        """Publish nothing yet.

        Args:
            link: To Kafka.
            topics: Which topics there are.
        """
        self._link = link
        self._topics = topics
        self._producer: KafkaProducer | None = None
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._trouble: tuple[float, str] | None = None

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Hand over messages; they are durable when this returns.

        Args:
            messages: In order.

        Returns:
            The ids of refused messages and why.

        Raises:
            Unavailable: Nothing is known to be kept.
        """
        if not messages:
            return {}
        fate: asyncio.Future[Mapping[str, str]] = (
            asyncio.get_running_loop().create_future()
        )
        self._waiting.append((messages, fate))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="kafka-publishing")
        return await fate

    def ready(self) -> KafkaProducer:
        """Have a producer at hand: it needs half a second before it can send.

        Returns:
            One that is not broken.

        Raises:
            FleetwrightError: The settings cannot be used.
        """
        if self._producer is None or self._producer.is_broken:
            self._producer = self._new_producer(gapless=True)
        return self._producer

    def check(self) -> None:
        """Raise when the last window was not confirmed, lately.

        Raises:
            Unavailable: It was not.
        """
        if self._trouble is not None:
            at, reason = self._trouble
            if clock().monotonic() - at < _TROUBLE_SECONDS:
                raise self._link.unavailable(reason)

    async def close(self) -> None:
        """Give up what waits; safe to call again."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.end()
            await producer.ended()

    async def _write(self) -> None:
        taken: list[_Waiting] = []
        try:
            while self._waiting:
                taken = self._take()
                await self._window(taken)
        finally:
            self._writing = None
            for _, fate in taken + self._waiting:
                if not fate.done():
                    fate.set_exception(self._link.unavailable("it is being closed"))
            self._waiting = []

    def _take(self) -> list[_Waiting]:
        """Take what waits, as much as makes a window."""
        count, size = 0, 0
        while count < len(self._waiting):
            size += len(self._waiting[count][0])
            if count and size > _WINDOW_MESSAGES:
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def _window(self, taken: Sequence[_Waiting]) -> None:
        """Publish what several callers handed over, and tell each what became of it."""
        messages = [message for part, _ in taken for message in part]
        error: FleetwrightError | None = None
        fates: Sequence[Fate] = ()
        try:
            fates = await self._fates(messages)
        except FleetwrightError as caught:
            error = caught
        begin = 0
        for part, told in taken:
            mine = fates[begin : begin + len(part)]
            begin += len(part)
            if told.done():  # whoever waited for it gave up
                continue
            unknown = next((fate.unknown for fate in mine if fate.unknown), None)
            if error is not None:
                told.set_exception(error)
            elif unknown is not None:
                told.set_exception(self._link.unavailable(unknown))
            else:
                told.set_result(
                    {
                        message.id: fate.refused
                        for message, fate in zip(part, mine, strict=True)
                        if fate.refused is not None
                    }
                )

    async def _fates(self, messages: Sequence[Message]) -> Sequence[Fate]:
        """Find out what becomes of each message of a window."""
        end = clock().monotonic() + PUBLISH_SECONDS
        await self._connected(end)
        window = Window(messages)
        topics = {message.topic for message in messages}
        window.refuse_early(await self._topics.make(topics))
        if await self._send_together(window, end):
            await self._send_singly(window, end)
        self._judge(window)
        return window.fates()

    async def _connected(self, end: float) -> None:
        try:
            async with asyncio.timeout(end - clock().monotonic()):
                await self._link.known()
        except TimeoutError:
            pass  # `check` tells
        self._link.check()

    async def _send_together(self, window: Window, end: float) -> bool:
        """Send a window; return whether what was not confirmed is to be sent again.

        That is so when something was refused: a broker refuses a whole request for one
        message in it, and the producer breaks lest others overtake it.
        """
        places = window.unsettled()
        if not places:
            return False
        producer = self.ready()
        messages = [window.messages[place] for place in places]
        fates = await producer.send(messages, end - clock().monotonic())
        was_refused = any(fate.refused is not None or fate.is_fatal for fate in fates)
        for place, fate in zip(places, fates, strict=True):
            if fate.confirmed or not was_refused:
                window.learn(place, fate)
        return was_refused

    async def _send_singly(self, window: Window, end: float) -> None:
        producer = self._new_producer(gapless=False)
        try:
            for place in window.unsettled():
                if window.refuse_behind(place):
                    continue
                left = max(0.0, end - clock().monotonic())
                (fate,) = await producer.send([window.messages[place]], left)
                window.learn(place, fate)
                if fate.unknown is not None:
                    return
        finally:
            producer.end()

    def _new_producer(self, *, gapless: bool) -> KafkaProducer:
        link = self._link
        return KafkaProducer(link.address, link.doubt, gapless=gapless)

    def _judge(self, window: Window) -> None:
        """Remember what `check` has to tell, and which topics to look for again."""
        self._trouble = None
        for message, fate in zip(window.messages, window.fates(), strict=True):
            if fate.unknown is None:
                continue
            self._topics.forget([message.topic])  # it may have been deleted
            if self._trouble is None and not fate.topic_gone:
                self._trouble = clock().monotonic(), fate.unknown
                self._link.doubt()
