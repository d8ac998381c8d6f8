"""A network between the processes and a server: it can be cut, silent or slow."""

import asyncio
import socket
import struct
from collections import deque
from contextlib import suppress
from typing import cast


class Wire:
    """One listening port in front of one server.

    Bytes pass in order. What is held back while the wire is silent passes afterwards,
    as TCP would send it again.

    Attributes:
        port: Where it listens.
        latency_seconds: How late bytes pass, each way.
    """

    def __init__(self, target: int, port: int = 0) -> None:
        """Describe it.

        Args:
            target: The port of the server, on this machine.
            port: Where to listen; a free one for 0.
        """
        self.port, self.target = port, target
        self.latency_seconds = 0.0
        self.is_silent = self.is_down = False
        self.ends: set[End] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: End(self, None), "127.0.0.1", self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop listening and cut what is open."""
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Reset every connection."""
        for end in list(self.ends):
            end.reset()

    def be_silent(self) -> None:
        """Take what comes and pass nothing on."""
        self.is_silent = True
        for end in self.ends:
            end.pause()

    def heal(self) -> None:
        """Be a good network again."""
        self.is_silent = self.is_down = False
        self.latency_seconds = 0.0
        for end in self.ends:
            end.resume()


class End(asyncio.Protocol):
    """One side of a connection; what it hears the other side says."""

    def __init__(self, wire: Wire, other: "End | None") -> None:
        """Describe it.

        Args:
            wire: Between whom.
            other: The side of the client; None for that side itself.
        """
        self._wire, self.other = wire, other
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect to the server, or tell the client's side that this is done."""
        self._transport = cast(asyncio.Transport, transport)
        found = transport.get_extra_info("socket")
        with suppress(OSError):
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._wire.is_down:
            self.reset()
            return
        self._wire.ends.add(self)
        if self.other is None:
            self._transport.pause_reading()
            self._connecting = asyncio.create_task(self._connect())
        else:
            self.other.other = self
            self.other.resume()
            self.resume()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(
                lambda: End(self._wire, self), "127.0.0.1", self._wire.target
            )
        except OSError:
            self.reset()

    def data_received(self, data: bytes) -> None:
        """Have the other side say it, late if the wire is slow."""
        if self.other is not None:
            self.other.say(data, self._wire.latency_seconds)

    def say(self, data: bytes, latency_seconds: float) -> None:
        """Write, after what was to be written before.

        Args:
            data: What.
            latency_seconds: How late.
        """
        if self._transport is None:
            return
        if not latency_seconds and not self._waiting:
            self._transport.write(data)
            return
        due = asyncio.get_running_loop().time() + latency_seconds
        self._waiting.append((due, data))
        if self._timer is None:
            self._wait()

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(self._waiting[0][0], self._say_due)

    def _say_due(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time() + 0.001
        while self._waiting and self._waiting[0][0] <= now:
            data = self._waiting.popleft()[1]
            if self._transport is not None:
                self._transport.write(data)
        if self._waiting:
            self._wait()

    def pause(self) -> None:
        """Listen no more."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Listen, where there is somebody to pass it on to."""
        if self.other is None or self._transport is None or self._wire.is_silent:
            return
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Keep the other side from saying more than this one can."""
        if self.other is not None:
            self.other.pause()

    def resume_writing(self) -> None:
        """Let the other side go on."""
        if self.other is not None:
            self.other.resume()

    def connection_lost(self, error: Exception | None) -> None:
        """End the other side in the same way."""
        self._wire.ends.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        other, self.other = self.other, None
        if other is not None:
            other.other = None
            other.reset() if error is not None else other.finish()

    def finish(self) -> None:
        """Say what is left and close."""
        if self._transport is not None:
            for _, data in self._waiting:
                self._transport.write(data)
            self._waiting.clear()
            self._transport.close()

    def reset(self) -> None:
        """Close as the peer of a process that crashed sees it."""
        if self._transport is None:
            return
        found = self._transport.get_extra_info("socket")
        if found is not None:
            with suppress(OSError):
                linger = struct.pack("ii", 1, 0)
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._transport.abort()
