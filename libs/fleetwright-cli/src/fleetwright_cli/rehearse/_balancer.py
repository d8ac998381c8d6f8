"""What stands before instances, as in a cluster: each connection to the next."""

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass

HOST = "127.0.0.1"
_CHUNK_BYTES = 65_536
_CLOSE_WAIT = 8  # the state of TCP in which the other side has closed, all read


@dataclass(slots=True)
class _Debt:
    """Whether an instance owes an answer: what came last was said to it."""

    is_open: bool = False


class Balancer:
    """Hands each new connection to the next instance, and looks into none.

    Like the addresses of a cluster: who was taken out of the rotation gets no new
    connection and keeps those it has; a connection that an instance refuses is lost.

    Attributes:
        rotation: The ports that get new connections.
        cuts: How many requests an instance has read, and then closed the connection
            instead of an answer; a caller may send again what HTTP lets be repeated,
            and sees nothing of it.
    """

    def __init__(self) -> None:
        """Begin without instances."""
        self.rotation: list[int] = []
        self.cuts = 0
        self._turn = 0
        self._relays: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, port: int) -> None:
        """Take connections from now on.

        Args:
            port: Where, on 127.0.0.1.

        Raises:
            OSError: Somebody else listens there.
        """
        self._server = await asyncio.start_server(self._taken, HOST, port)

    async def close(self) -> None:
        """Take no more connections, and end those that are open."""
        if self._server is not None:
            self._server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    def add(self, port: int) -> None:
        """Give an instance its share of new connections.

        Args:
            port: Where it listens.
        """
        self.rotation.append(port)

    def remove(self, port: int) -> None:
        """Give an instance no new connections.

        Args:
            port: Where it listens.
        """
        self.rotation.remove(port)

    async def _taken(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine always runs in one
        self._relays.add(task)
        try:
            await self._relay(reader, writer)
        finally:
            self._relays.discard(task)
            writer.transport.abort()

    async def _relay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry both directions until one side has ended."""
        if not self.rotation:
            return
        self._turn += 1
        port = self.rotation[self._turn % len(self.rotation)]
        try:
            theirs, ours = await asyncio.open_connection(HOST, port)
        except OSError:
            return
        debt = _Debt()
        try:
            asking = asyncio.create_task(_carry(reader, ours, debt, owed=True))
            answering = asyncio.create_task(_carry(theirs, writer, debt, owed=False))
            try:
                # When the instance has closed, what it said must still arrive.
                await asyncio.wait(
                    (asking, answering), return_when=asyncio.FIRST_COMPLETED
                )
                if answering.done():
                    self.cuts += debt.is_open and _is_closed_after_reading(ours)
                    with suppress(OSError):
                        writer.close()
                        await writer.wait_closed()
            finally:
                asking.cancel()
                answering.cancel()
                await asyncio.gather(asking, answering, return_exceptions=True)
        finally:
            ours.transport.abort()


async def _carry(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    debt: _Debt,
    *,
    owed: bool,
) -> None:
    """Carry one direction until it ends; note what came last."""
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            debt.is_open = owed
            writer.write(chunk)
            await writer.drain()


def _is_closed_after_reading(writer: asyncio.StreamWriter) -> bool:
    """Return whether the other side has closed with nothing left unread.

    One that closes before it has read all, or before it was sent, resets the
    connection: then the request was never begun. False where the system cannot tell.
    """
    connection = writer.get_extra_info("socket")
    if connection is None or not hasattr(socket, "TCP_INFO"):
        return False
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    except OSError:
        return False
    return bool(told[0] == _CLOSE_WAIT)
