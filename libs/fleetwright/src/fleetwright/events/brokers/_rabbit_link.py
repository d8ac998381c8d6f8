"""A connection to RabbitMQ that is made again whenever it is lost.

One way to recover, whatever happened: drop the connection, connect, begin anew.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import quote

import structlog
from aiormq import Channel, Connection, TransportFactory
from yarl import URL

from fleetwright._clock import clock
from fleetwright.errors import FleetwrightError, Unavailable
from fleetwright.events.brokers._rabbit_address import Address
from fleetwright.events.brokers._rabbit_faults import Lost, fault_of, told

CONNECT_SECONDS = 5.0
BEGIN_SECONDS = 30.0  # a new quorum queue takes a moment, and there are 16
PROBE_SECONDS = 2.0
PROBE_ANSWER_SECONDS = 10.0
HEARTBEAT_SECONDS = 5
_CLOSE_SECONDS = 3.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
_LONGEST_PAUSE_REFUSED_SECONDS = 30.0  # only a human can mend that
T = TypeVar("T")
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")

# The library logs each lost connection with a traceback; we say it once, in our words.
if logging.getLogger("aiormq").level == logging.NOTSET:
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)


class Work(Protocol):
    """What is done with a connection."""

    async def begin(self, connection: Connection) -> None:
        """Set up: declare, open channels. A failure drops the connection."""
        ...

    async def probe(self) -> float:
        """Ask the server something; return after how many seconds to ask again.

        A failure drops the connection.
        """
        ...

    def end(self) -> None:
        """Forget the connection: it is lost."""
        ...


@contextmanager
def calls() -> Iterator[None]:
    """Turn what the library raises when a connection is lost into `Lost`.

    It also raises CancelledError in tasks nobody cancelled.

    Yields:
        Nothing.

    Raises:
        Lost: The connection or the channel cannot be used any more.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise Lost("the connection was dropped") from error
    except (FleetwrightError, Lost):
        raise
    except Exception as error:  # whatever the library raises, the connection is lost
        raise Lost(told(error)) from error


async def open_channel(connection: Connection, *, confirms: bool) -> Channel:
    """Return a new channel.

    Args:
        connection: Where.
        confirms: Whether what is published on it is confirmed.
    """
    return cast(Channel, await connection.channel(publisher_confirms=confirms))


async def is_blocked(connection: Connection) -> bool:
    """Return whether the server takes nothing: an alarm of its memory or disk is on.

    Args:
        connection: One that is open.
    """
    try:
        async with asyncio.timeout(0):
            await connection.ready()
    except TimeoutError:
        return True
    return False


class _Transport(TransportFactory):
    """Connects to the nodes in turn, and can cut what it connected."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._turn = 0
        self._writer: asyncio.StreamWriter | None = None

    async def create(
        self, url: URL, **_: object
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self._address.hosts[self._turn % len(self._address.hosts)]
        self._turn += 1
        tls = self._address.tls()
        reader, self._writer = await asyncio.open_connection(host, port, ssl=tls)
        return reader, self._writer

    def cut(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None


class Link:
    """One connection, kept for one kind of work.

    Attributes:
        fault: Why it cannot be used now; None while it can.
    """

    def __init__(
        self, address: Address, purpose: str, work: Work, random: Random
    ) -> None:
        """Describe the link; `start` connects.

        Args:
            address: Where the server is.
            purpose: What it is for; the name of the connection at the server.
            work: What is done with it.
            random: Where the jitter of the pauses comes from.
        """
        self.fault: Unavailable | None = fault_of(
            Lost("it is not connected yet"), address
        )
        self._address = address
        self._purpose = purpose
        self._work = work
        self._random = random
        self._transport = _Transport(address)
        self._settled = asyncio.Event()
        self._lost = asyncio.Event()
        self._why = ""
        self._told = ""
        self._failures = 0
        self._connection: Connection | None = None
        self._running: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        """Connect, and connect again, from now on."""
        if self._running is None:
            name = f"rabbit {self._purpose}"
            self._running = asyncio.create_task(self._run(), name=name)
            self._running.add_done_callback(self._ended)

    def _ended(self, running: asyncio.Task[None]) -> None:
        """Tell it when a mistake of ours ended what was to run for ever."""
        if not running.cancelled() and running.exception() is not None:
            self._tell_lost(fault_of(Lost(repr(running.exception())), self._address))

    async def settled(self, seconds: float) -> None:
        """Wait until the first attempt has an outcome.

        Args:
            seconds: How long at most.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._settled.wait()
        except TimeoutError:
            pass  # it goes on in the background

    def suspect(self, why: str) -> None:
        """Have the connection dropped and made anew.

        Args:
            why: What was noticed.
        """
        if not self._lost.is_set():
            self._why = why
            self._lost.set()
        for task in self._under_way:
            task.cancel()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something with the connection, as long as it is there.

        The library may wait for ever for a connection that is gone.

        Args:
            work: What is done.

        Returns:
            What it returned.

        Raises:
            Lost: The connection was lost meanwhile.
        """
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        if self._lost.is_set():
            task.cancel()
        with calls():
            return await task

    async def close(self) -> None:
        """Disconnect in good order; what was not acknowledged goes back at once."""
        running, self._running = self._running, None
        if running is None:
            return
        # The library waits with `wait_for`, which may swallow a cancellation.
        while not running.done():
            running.cancel()
            await asyncio.wait((running,), timeout=_CLOSE_SECONDS + 1)
        self.fault = fault_of(Lost("it was closed"), self._address)

    async def _run(self) -> None:
        while True:
            fault = fault_of(await self._live(), self._address)
            longest = (
                _LONGEST_PAUSE_REFUSED_SECONDS
                if fault.reason == "rejected"
                else _LONGEST_PAUSE_SECONDS
            )
            pause = min(longest, _FIRST_PAUSE_SECONDS * 2 ** min(self._failures, 10))
            self._failures += 1
            self._tell_lost(fault)
            await clock().sleep(self._random.uniform(0.5, 1.0) * pause)

    def _tell_lost(self, fault: Unavailable) -> None:
        self.fault = fault
        self._settled.set()
        if self._told != fault.message:
            self._told = fault.message
            _log.warning(
                "broker.lost",
                broker=str(self._address),
                purpose=self._purpose,
                error=fault.message,
                hint=fault.hint,
            )

    def _tell_found(self) -> None:
        self.fault = None
        self._failures = 0
        self._settled.set()
        if self._told:
            self._told = ""
            _log.info("broker.found", broker=str(self._address), purpose=self._purpose)

    async def _live(self) -> Exception:
        """Connect, work until the connection is lost; return why it was."""
        self._lost.clear()
        self._why = "the connection was closed"
        is_cut = True
        try:
            with calls():
                connection = await self._connect()
                async with asyncio.timeout(BEGIN_SECONDS):
                    await self._work.begin(connection)
            self._tell_found()
            await self._watch(connection)
        except (FleetwrightError, Lost) as error:
            return error
        except asyncio.CancelledError:
            is_cut = False
            raise
        finally:
            self.suspect("it is dropped")
            self._work.end()
            await self._disconnect(is_cut)
        return Lost(self._why)

    async def _connect(self) -> Connection:
        name = quote(f"fleetwright {self._purpose}", safe="")
        query = f"heartbeat={HEARTBEAT_SECONDS}&name={name}"
        connection = Connection(
            URL(f"{self._address.url}?{query}", encoded=True),
            transport_factory=self._transport,
        )
        self._connection = connection
        async with asyncio.timeout(CONNECT_SECONDS):
            await connection.connect()
        connection.closing.add_done_callback(self._closed)
        return connection

    def _closed(self, closing: asyncio.Future[None]) -> None:
        error = None if closing.cancelled() else closing.exception()
        self.suspect(told(error))

    async def _watch(self, connection: Connection) -> None:
        pause = 0.0
        while not self._lost.is_set():
            try:
                async with asyncio.timeout(pause):
                    await self._lost.wait()
            except TimeoutError:
                pause = await self._probe(connection)

    async def _probe(self, connection: Connection) -> float:
        try:
            async with asyncio.timeout(PROBE_ANSWER_SECONDS):
                if not await is_blocked(connection):
                    with calls():
                        return await self._work.probe()
        except TimeoutError:
            # A server in alarm reads nothing from who publishes; its heartbeats come.
            if not await is_blocked(connection):
                raise Lost("the server does not answer") from None
        return PROBE_SECONDS

    async def _disconnect(self, is_cut: bool) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if is_cut:
            self._transport.cut()
        try:
            with calls():
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await connection.close()
        except (Lost, TimeoutError):
            pass  # it is gone anyway
        finally:
            self._transport.cut()
