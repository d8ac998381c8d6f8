"""Whether Kafka is there: asked now and then, told when that changes."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable
from concurrent.futures import Future
from random import Random
from typing import TypeVar

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from fleetwright._clock import clock
from fleetwright.errors import FleetwrightError, Unavailable
from fleetwright.events.brokers._kafka_log import KafkaLog
from fleetwright.events.brokers._kafka_url import KafkaAddress

ANSWER_SECONDS = 3.0  # the longest wait for an answer to a question
_LISTEN_SECONDS = 0.1
_ASK_SECONDS = 5.0  # between questions while it is there
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 2.0
_TRY_SECONDS = 1.0  # for connections that are opened only to hear why there is none
_TRIES = 3
T = TypeVar("T")
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


def text_of(error: KafkaError | KafkaException) -> str:
    """Return what went wrong, in Kafka's words.

    Args:
        error: What the client gave.
    """
    inner = error.args[0] if isinstance(error, KafkaException) else error
    return inner.str() if isinstance(inner, KafkaError) else str(inner)


class KafkaLink:
    """Knows whether Kafka answers; keeps trying while it does not.

    Attributes:
        address: Where it is.
    """

    def __init__(self, address: KafkaAddress, random: Random) -> None:
        """Describe the link; nothing is asked yet.

        Args:
            address: Where Kafka is.
            random: Where the jitter comes from.
        """
        self.address = address
        self._random = random
        self._admin: AdminClient | None = None
        self._asking: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._doubted = asyncio.Event()
        self._known = asyncio.Event()
        self._found = asyncio.Event()
        self._is_there: bool | None = None
        self._said = ""  # by the client, about its connections
        self._are_all_down = False
        self._reason = "it has not answered yet"

    def open(self) -> None:
        """Begin to ask; safe to call again.

        Raises:
            FleetwrightError: The settings cannot be used.
        """
        if self._asking is not None:
            return
        settings = client_settings(self.address)
        try:
            self._admin = AdminClient(settings, error_cb=self._heard, logger=KafkaLog())
        except KafkaException as error:
            raise unusable(self.address, error) from error
        self._loop = asyncio.get_running_loop()
        self._asking = asyncio.create_task(self._keep_asking(), name="kafka-link")

    async def close(self) -> None:
        """Stop asking; safe to call again."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        self._asking = self._admin = self._is_there = None
        self._known.clear()
        self._found.clear()

    def check(self) -> None:
        """Raise when Kafka is not there, or has not answered yet.

        Raises:
            Unavailable: It is not.
        """
        if not self._is_there:
            raise self.unavailable(self._reason)

    @property
    def is_open(self) -> bool:
        """Whether it asks."""
        return self._asking is not None

    @property
    def is_there(self) -> bool:
        """Whether Kafka answered when it was last asked."""
        return bool(self._is_there)

    async def known(self) -> None:
        """Wait until it is known whether Kafka is there."""
        await self._known.wait()

    async def found(self) -> None:
        """Wait until Kafka is there."""
        await self._found.wait()

    def doubt(self) -> None:
        """Ask again at once: something did not work. May be called in any thread."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._doubted.set)

    def unavailable(self, reason: str) -> Unavailable:
        """Return the error of a Kafka that cannot be used.

        Args:
            reason: Why.
        """
        return Unavailable(
            f"Kafka cannot be used: {reason}",
            reason="connect",
            provider="broker",
            where=str(self.address),
            hint="look at the broker; it is tried again until it answers",
        )

    @property
    def admin(self) -> AdminClient:
        """What questions are asked with.

        Raises:
            FleetwrightError: The broker is not open.
        """
        if self._admin is None:
            raise FleetwrightError(
                "the broker is not open",
                where=str(self.address),
                hint="add it to the service before what uses it",
            )
        return self._admin

    async def answer(self, question: "Future[T]") -> T:
        """Wait for the answer to a question.

        Args:
            question: What the admin client returned.

        Returns:
            The answer.

        Raises:
            KafkaException: Kafka's own refusal.
            Unavailable: None came in time.
        """
        waiting: Awaitable[T] = asyncio.wrap_future(question)
        try:
            async with asyncio.timeout(ANSWER_SECONDS + 1):
                return await waiting
        except TimeoutError:
            raise self.unavailable("it does not answer") from None
        except KafkaException as error:
            if not _is_silence(error.args[0]):
                raise
            raise self.unavailable(text_of(error)) from error

    def _heard(self, error: KafkaError) -> None:
        # Called from `poll`, in the task that asks.
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._are_all_down = True
        else:
            self._said = error.str()

    async def _keep_asking(self) -> None:
        failures = 0
        while True:
            self._doubted.clear()
            reason = await self._ask()
            if reason is None:
                failures = 0
                await self._pause(_ASK_SECONDS)
            else:
                pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**failures)
                failures = min(failures + 1, 10)
                await clock().sleep(pause * self._random.uniform(0.5, 1))

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._doubted.wait()
        except TimeoutError:
            pass

    async def _ask(self) -> str | None:
        """Ask once; return why Kafka is not there, None when it is."""
        self._are_all_down = False
        question = asyncio.wrap_future(
            self.admin.describe_cluster(request_timeout=ANSWER_SECONDS)
        )
        try:
            while not question.done() and not self._are_all_down:
                await asyncio.wait((question,), timeout=_LISTEN_SECONDS)
                self.admin.poll(0)
        except asyncio.CancelledError:
            question.cancel()  # nobody is left to read the answer
            raise
        reason: str | None = None
        if not question.done():
            question.cancel()
            reason = self._said or await _with_cause(
                "all of its servers are down", self.address
            )
        elif (error := question.exception()) is not None:
            if not isinstance(error, KafkaException):
                raise error
            reason = self._said or await _with_cause(text_of(error), self.address)
        else:
            self._said = ""
        self._learn(reason)
        return reason

    def _learn(self, reason: str | None) -> None:
        was_there, self._is_there = self._is_there, reason is None
        self._reason = reason or ""
        if reason is None:
            self._found.set()
            if not was_there:
                _log.info("broker.found", broker=str(self.address))
        else:
            self._found.clear()
            if was_there or was_there is None:
                _log.warning("broker.lost", broker=str(self.address), error=reason)
        self._known.set()


async def _with_cause(what: str, address: KafkaAddress) -> str:
    """Return what librdkafka said without a cause, with that of the system added.

    Librdkafka does not always tell why it has no connection, and whoever reads of it
    has to know whether nobody listens there or somebody does not answer.
    """
    host, _, port = address.servers.split(",")[0].rpartition(":")
    server = host.strip("[]"), int(port)
    try:
        async with asyncio.timeout(_TRY_SECONDS):
            await asyncio.to_thread(_listen, server)
    except OSError as error:
        return f"{what}: {error.strerror or 'no answer'}"
    return f"{what}: it hangs up"


def _listen(server: tuple[str, int]) -> None:
    """Return when a server hangs up, though it was asked nothing.

    One that is just dying still takes connections for a moment, and drops them: it is
    tried again, to hear what others will.

    Raises:
        OSError: There is no connection, or silence: a Kafka does not speak first.
    """
    for _ in range(_TRIES):
        with (
            socket.create_connection(server, _TRY_SECONDS) as tried,
            contextlib.suppress(ConnectionError),
        ):
            tried.recv(1)


def client_settings(address: KafkaAddress) -> dict[str, str | int | float | bool]:
    """Return what every client of librdkafka is given.

    Args:
        address: Where Kafka is.
    """
    return {
        **address.settings,
        "client.id": "fleetwright",
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1000,
        "socket.keepalive.enable": True,
        "socket.connection.setup.timeout.ms": 5000,
        "log.connection.close": False,
    }


def unusable(address: KafkaAddress, error: KafkaException) -> FleetwrightError:
    """Return the error of settings that librdkafka does not take.

    Args:
        address: Where Kafka is.
        error: What it said.
    """
    return FleetwrightError(
        f"the settings of Kafka cannot be used: {text_of(error)}",
        where=str(address),
        hint="check the query of BROKER_URL and the files it names",
    )


def _is_silence(error: object) -> bool:
    """Return whether no answer came, as opposed to a no."""
    return isinstance(error, KafkaError) and error.code() in {
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._DESTROY,
        KafkaError._AUTHENTICATION,
        KafkaError._SSL,
        KafkaError._RESOLVE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NOT_CONTROLLER,
        KafkaError.BROKER_NOT_AVAILABLE,
    }
