"""One producer of librdkafka and the thread that hears its confirms."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Producer

from fleetwright import _crash
from fleetwright.events._broker import Passing
from fleetwright.events._envelope import Message
from fleetwright.events.brokers._kafka_link import client_settings, text_of, unusable
from fleetwright.events.brokers._kafka_log import KafkaLog
from fleetwright.events.brokers._kafka_url import KafkaAddress
from fleetwright.events.brokers._kafka_wire import record_headers

_POLL_SECONDS = 0.1
_LAST_SECONDS = 2.0
_FATAL_TURNS, _FATAL_TURN_SECONDS = 10, 0.02
_KEPT_SECONDS = 3600  # longer than anyone waits: nothing may be left out of the row
_REFUSALS = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_RECORD,
    KafkaError.INVALID_MSG,
    KafkaError.POLICY_VIOLATION,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
}
# An administrator can mend these, and the event is good: it is offered again.
# Too large is mendable too: what is too large for us was refused before.
_MENDABLE = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.POLICY_VIOLATION,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
}
_GONE = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION}


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one message.

    Attributes:
        confirmed: Whether it is durable.
        refused: Why the broker will never take it as it is; None where it might.
        unknown: What was in the way where neither is known.
        topic_gone: Whether its topic does not exist any more.
        is_fatal: Whether the producer broke, for another message as a rule.
    """

    confirmed: bool = False
    refused: str | None = None
    unknown: str | None = None
    topic_gone: bool = False
    is_fatal: bool = False


_CONFIRMED = Fate(confirmed=True)
_BEHIND = Fate(unknown="an earlier message of its key was not sent")
_FULL = Fate(unknown="too much is waiting to be sent")


def _fate_of(error: KafkaError | None) -> Fate:
    if error is None:
        return _CONFIRMED
    if error.code() in _REFUSALS:
        why = error.str()
        return Fate(refused=Passing(why) if error.code() in _MENDABLE else why)
    return Fate(unknown=error.str(), topic_gone=error.code() in _GONE)


class _Window:
    """Messages handed over together, and what is known of each."""

    def __init__(self, count: int) -> None:
        self.fates: list[Fate | None] = [None] * count
        self._left = count
        self._loop = asyncio.get_running_loop()
        self.known = self._loop.create_future()

    def hear(self, place: int, error: KafkaError | None, _: object = None) -> None:
        """Take the report on one message; called in the producer's thread."""
        _crash.point("relay.after_confirm")
        self.learn(place, _fate_of(error))

    def learn(self, place: int, fate: Fate) -> None:
        """Know what became of one message."""
        if self.fates[place] is None:
            self.fates[place] = fate
            self._left -= 1
            if not self._left:
                self._tell()

    def give_up(self, unknown: Fate) -> None:
        """Nothing more will be heard of the rest."""
        self.fates = [unknown if fate is None else fate for fate in self.fates]
        self._tell()

    def _tell(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if not self.known.done():
            self.known.set_result(None)


class KafkaProducer:
    """Hands over messages in order and without a gap, until something goes wrong.

    Idempotent, confirmed by all replicas that are in sync. After the first message
    that was not confirmed nothing later of its partition is sent: then it is broken,
    and another one takes its place. Used by one task.
    """

    def __init__(
        self, address: KafkaAddress, doubt: Callable[[], None], *, gapless: bool
    ) -> None:
        """Make the producer; it connects by itself.

        Args:
            address: Where Kafka is.
            doubt: Called, in any thread, when a connection fails.
            gapless: Whether a refusal breaks it. Without, it goes on after a refusal:
                for one message at a time.

        Raises:
            FleetwrightError: The settings cannot be used.
        """
        settings = {
            **client_settings(address),
            "enable.idempotence": True,
            "acks": "all",
            "enable.gapless.guarantee": gapless,
            "linger.ms": 0,
            "message.timeout.ms": _KEPT_SECONDS * 1000,
            "compression.type": "none",
        }
        try:
            self._producer = Producer(
                settings, error_cb=lambda _: doubt(), logger=KafkaLog()
            )
        except KafkaException as error:
            raise unusable(address, error) from error
        self._window: _Window | None = None
        self._is_ending = False
        self._broken: str | None = None
        self._thread = threading.Thread(
            target=self._live, name="kafka-producer", daemon=True
        )
        self._thread.start()

    @property
    def is_broken(self) -> bool:
        """Whether it takes no messages any more."""
        return self._broken is not None

    async def send(self, messages: Sequence[Message], seconds: float) -> list[Fate]:
        """Hand over messages and wait for their confirms.

        Args:
            messages: In order; their topics exist.
            seconds: The longest wait. After it the producer is broken, and what was
                not confirmed is not sent any more.

        Returns:
            What became of each.
        """
        window = self._window = _Window(len(messages))
        try:
            self._hand_over(window, messages)
            async with asyncio.timeout(seconds):
                await window.known
        except TimeoutError:
            window.give_up(Fate(unknown=f"no confirm within {seconds:.1f} s"))
        finally:
            self._window = None
            if not all(
                fate and (fate.confirmed or fate.refused) for fate in window.fates
            ):
                self.end()
        return [fate or Fate(unknown="it was not sent") for fate in window.fates]

    def _hand_over(self, window: _Window, messages: Sequence[Message]) -> None:
        failed: set[str] = set()
        for place, message in enumerate(messages):
            if message.order_key in failed:
                window.learn(place, _BEHIND)
                continue
            try:
                self._producer.produce(
                    message.topic,
                    message.body,
                    None if message.key is None else message.key.encode(),
                    message.lane,
                    headers=record_headers(message),
                    on_delivery=partial(window.hear, place),
                )
            except KafkaException as error:
                failed.add(message.order_key)
                window.learn(place, _fate_of(error.args[0]))
            except BufferError:
                failed.add(message.order_key)
                window.learn(place, _FULL)

    def end(self) -> None:
        """Send nothing more; safe to call again."""
        self._broken = self._broken or "it has ended"
        if not self._is_ending:
            self._is_ending = True
            self._producer.purge(blocking=False)

    async def ended(self) -> None:
        """Wait until the thread has ended, a few seconds at most."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._thread.join, _LAST_SECONDS)

    def _live(self) -> None:
        """Hear confirms until the end, then let go of what is left."""
        while not self._is_ending:
            self._poll(_POLL_SECONDS)
        self._poll(0)
        self._producer.close()

    def _poll(self, seconds: float) -> None:
        try:
            self._producer.poll(seconds)
        except (KafkaException, SystemError) as error:
            # A fatal error: it is raised here, and takes a report along.
            why = text_of(error) if isinstance(error, KafkaException) else ""
            self._broken = self._broken or why or "a fatal error"
            self._hear_the_rest()
            window = self._window
            if window is not None:
                window.give_up(Fate(unknown=self._broken, is_fatal=True))

    def _hear_the_rest(self) -> None:
        for _ in range(_FATAL_TURNS):
            with contextlib.suppress(KafkaException, SystemError):
                self._producer.poll(_FATAL_TURN_SECONDS)
