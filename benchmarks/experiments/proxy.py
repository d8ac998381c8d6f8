"""A network that misbehaves: bytes pass late, in drips, cut, or not at all."""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random


@dataclass(slots=True)
class Toxics:
    """What the network does; may be changed while it is in use.

    Attributes:
        latency_seconds: Added to each answer.
        jitter_seconds: At most so much more or less than the latency.
        drip_bytes: Pass so many bytes at a time; 0 for all.
        drip_seconds: Pause after each drip.
        limit_bytes: Close in an orderly way after so many bytes to a client; 0: never.
        reset_bytes: Reset after so many bytes to a client; 0 for never.
        reset_share: Share of the answers before which the connection is reset.
        silent: Connections are taken and what comes in is lost.
        refused: New connections are reset at once, live ones too when it is set.
    """

    latency_seconds: float = 0.0
    jitter_seconds: float = 0.0
    drip_bytes: int = 0
    drip_seconds: float = 0.0
    limit_bytes: int = 0
    reset_bytes: int = 0
    reset_share: float = 0.0
    silent: bool = False
    refused: bool = False


class CutError(Exception):
    """The connection ends here."""

    def __init__(self, *, reset: bool) -> None:
        """Say how.

        Args:
            reset: With a reset, or in an orderly way.
        """
        super().__init__("cut")
        self.reset = reset


@dataclass
class Proxy:
    """One listening port in front of a service.

    Attributes:
        url: The service.
        random: What resets and jitter are drawn from.
        toxics: What the network does now.
        taken: How many connections clients have made.
        asked: How many pieces went towards the service; one a small request.
    """

    url: str
    random: Random
    toxics: Toxics = field(default_factory=Toxics)
    taken: int = 0
    asked: int = 0
    port: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> "Proxy":
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._spawn, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and cut what is open."""
        assert self._server is not None
        self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Cut every connection."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def address(self) -> str:
        """Where clients find the service."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def live(self) -> int:
        """How many connections of clients are open."""
        return len(self._tasks)

    def _spawn(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # A task of our own: streams log an error for a cancelled one of theirs.
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.taken += 1
        if self.toxics.refused:
            _reset(writer)
            return
        there: asyncio.StreamWriter | None = None
        try:
            host, _, port = self.url.removeprefix("http://").partition(":")
            back, there = await asyncio.open_connection(host, int(port))
            async with asyncio.TaskGroup() as both:
                asked = asyncio.Event()
                both.create_task(self._ask(reader, there, asked))
                both.create_task(self._answer(back, writer, asked))
        except* CutError as cuts:
            if any(isinstance(cut, CutError) and cut.reset for cut in cuts.exceptions):
                _reset(writer)
        except* OSError:
            _reset(writer)
        finally:
            for one in (writer, there):
                if one is not None:
                    one.close()

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        asked: asyncio.Event,
    ) -> None:
        """Pass bytes from the client on."""
        while piece := await reader.read(65_536):
            self.asked += 1
            if self.toxics.refused:
                raise CutError(reset=True)
            if self.toxics.silent:
                continue  # it is gone for good, as in a partition
            asked.set()
            writer.write(piece)
            await writer.drain()
        raise CutError(reset=False)

    async def _answer(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        asked: asyncio.Event,
    ) -> None:
        """Pass bytes back to the client, as the toxics say."""
        passed = 0
        while piece := await reader.read(65_536):
            toxics = self.toxics
            if toxics.refused:
                raise CutError(reset=True)
            if asked.is_set():  # once for an answer, in however many pieces it comes
                asked.clear()
                if self.random.random() < toxics.reset_share:
                    raise CutError(reset=True)
                late = self.random.uniform(-1, 1) * toxics.jitter_seconds
                await asyncio.sleep(max(0.0, toxics.latency_seconds + late))
            end = toxics.limit_bytes or toxics.reset_bytes
            if end and passed + len(piece) >= end:
                await _drip(writer, piece[: end - passed], toxics)
                raise CutError(reset=bool(toxics.reset_bytes))
            await _drip(writer, piece, toxics)
            passed += len(piece)
        raise CutError(reset=False)


async def _drip(writer: asyncio.StreamWriter, piece: bytes, toxics: Toxics) -> None:
    """Write a piece, in drips if so wished."""
    step = toxics.drip_bytes or len(piece) or 1
    for start in range(0, len(piece), step):
        writer.write(piece[start : start + step])
        await writer.drain()
        if toxics.drip_bytes:
            await asyncio.sleep(toxics.drip_seconds)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset, as the peer of a process that crashed sees it."""
    found = writer.get_extra_info("socket")
    if found is not None:
        with suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
