"""A caller over HTTP/1.1 that keeps connections and tells when an answer was lost."""

import asyncio
from dataclasses import dataclass

HOST = "127.0.0.1"
_HEAD_BYTES = 65_536


class Lost(Exception):  # noqa: N818 - reads as what happened
    """A request that was not answered; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status.
        body: All of it.
        resent: Whether the request was sent again, on a new connection.
        cut: Whether it is known to have been begun before that, and never answered.
    """

    status: int
    body: bytes
    resent: bool = False
    cut: bool = False

    def told(self) -> str:
        """Return its status and the beginning of its body, for people."""
        return f"{self.status}: {self.body[:200].decode('utf-8', 'replace')}"


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: bool = False


class _ClosedUnread(Exception):  # noqa: N818 - reads as what happened
    """The connection ended before a byte of the answer."""


class Caller:
    """Sends requests as services do: over connections that are kept.

    A kept connection may be closed at the moment it is used again. What HTTP lets be
    repeated (RFC 9110, 9.2.2) is then sent once more on a new connection, as every
    client and proxy does; anything else is lost.
    """

    def __init__(self, answer_seconds: float) -> None:
        """Begin without connections.

        Args:
            answer_seconds: Longest wait for an answer.
        """
        self._answer_seconds = answer_seconds
        self._idle: dict[int, list[_Connection]] = {}

    async def send(
        self, port: int, request: bytes, *, repeatable: bool, anew: bool = False
    ) -> Answer:
        """Send a request and wait for the whole answer.

        Args:
            port: Where to, on 127.0.0.1.
            request: Head and body.
            repeatable: Whether it may be sent again when a kept connection was closed.
            anew: Whether to leave kept connections alone.

        Returns:
            The whole answer, whatever its status.

        Raises:
            Lost: There was no answer.
        """
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await self._sent(port, request, repeatable, anew)
        except TimeoutError:
            raise Lost(f"no answer in {self._answer_seconds:g} s") from None

    def close(self) -> None:
        """Close the connections that are kept."""
        for connection in (one for kept in self._idle.values() for one in kept):
            connection.writer.close()
        self._idle.clear()

    async def _sent(
        self, port: int, request: bytes, repeatable: bool, anew: bool
    ) -> Answer:
        connection = None if anew else self._kept(port)
        if connection is not None:
            try:
                return await self._exchange(port, connection, request)
            except _ClosedUnread:
                if not repeatable:
                    raise Lost("a kept connection was closed unanswered") from None
        resent = connection is not None
        try:
            fresh = _Connection(
                *await asyncio.open_connection(HOST, port, limit=_HEAD_BYTES)
            )
        except OSError as error:
            raise Lost(f"no connection: {error.strerror or error}") from None
        try:
            answer = await self._exchange(port, fresh, request)
        except _ClosedUnread:
            raise Lost("a new connection was closed unanswered") from None
        return Answer(answer.status, answer.body, resent)

    def _kept(self, port: int) -> _Connection | None:
        """Return a kept connection that is still open, as far as can be seen."""
        kept = self._idle.get(port, [])
        while kept:
            connection = kept.pop()
            if not connection.reader.at_eof() and not connection.writer.is_closing():
                return connection
            connection.writer.close()
        return None

    async def _exchange(
        self, port: int, connection: _Connection, request: bytes
    ) -> Answer:
        reader, writer = connection.reader, connection.writer
        keep = False
        try:
            try:
                writer.write(request)
                await writer.drain()
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as error:
                if error.partial:
                    raise Lost("the connection was closed within the answer") from None
                raise _ClosedUnread from None
            except OSError:
                raise _ClosedUnread from None
            answer, keep = await _read(reader, head)
            return answer
        finally:
            if keep:
                self._idle.setdefault(port, []).append(connection)
            else:
                writer.close()


async def _read(reader: asyncio.StreamReader, head: bytes) -> tuple[Answer, bool]:
    """Return the answer of a head, and whether the connection goes on."""
    start, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip().lower()
        for name, _, value in (line.partition(":") for line in lines)
    }
    keep = headers.get("connection", "") != "close"
    status = int(start.split(" ")[1])
    try:
        if status in (204, 304):
            body = b""
        elif "content-length" in headers:
            body = await reader.readexactly(int(headers["content-length"]))
        elif headers.get("transfer-encoding") == "chunked":
            body = await _chunks(reader)
        else:
            body, keep = await reader.read(), False
    except (asyncio.IncompleteReadError, OSError):
        raise Lost("the connection was closed within the answer") from None
    return Answer(status, body), keep


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body
