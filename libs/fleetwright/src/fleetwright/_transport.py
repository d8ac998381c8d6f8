"""Transport: one request out, one response in; aiohttp is the one that is used."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fleetwright._unpacking import ENCODINGS, unpacker_of
from fleetwright.errors import Unavailable

if TYPE_CHECKING:
    from fleetwright._egress import Egress

try:
    import aiohttp
    from yarl import URL
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"fleetwright.rest needs {error.name}\n"
        "hint: add `fleetwright[rest]` to requirements.in and run `fleet lock`",
        name=error.name,
    ) from error

_ENCODING = aiohttp.hdrs.CONTENT_ENCODING
_LENGTH = aiohttp.hdrs.CONTENT_LENGTH
MAX_BODY_BYTES = 10 * 1024 * 1024
# Below the 5 seconds after which servers close an idle connection, ours when they stop:
# a request on one that is just being closed cannot be told from one that was lost.
KEEP_ALIVE_SECONDS = 4.0
CONNECTIONS = 100
# A full pool is ours, not the provider's: better told early than waited for.
POOL_WAIT_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it is sent.

    Attributes:
        method: The verb, in upper case.
        url: Where to, query included, percent-encoded.
        headers: Header fields by name.
        body: The body; None for none.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """One response, read to its end.

    Attributes:
        status: The HTTP status.
        headers: Header fields, looked up by names in lower case.
        body: The body; empty for none.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class Transport(Protocol):
    """Anything that carries requests.

    It does not follow redirects, try again or keep time: it is cancelled when the time
    is over, and must then leave nothing behind.
    """

    async def open(self) -> None:
        """Get ready to carry requests."""
        ...

    async def exchange(self, request: Request) -> Response:
        """Send a request and read its response to the end.

        Args:
            request: What to send.

        Returns:
            The response, whatever its status.

        Raises:
            Unavailable: No response; reason `connect` only if nothing was sent.
        """
        ...

    async def close(self) -> None:
        """Give back what `open` took."""
        ...


class Incoming(Protocol):
    """A response that is read piece by piece.

    Attributes:
        status: The HTTP status.
        headers: Header fields, looked up by names in lower case.
    """

    status: int
    headers: Mapping[str, str]

    async def read(self) -> bytes:
        """Return the next piece of the body; empty at its end.

        Raises:
            Unavailable: The body was cut.
        """
        ...

    async def close(self) -> None:
        """Give the connection back, or close it where the body was not read."""
        ...


class StreamingTransport(Transport, Protocol):
    """A transport whose responses can be read piece by piece."""

    async def begin(self, request: Request) -> Incoming:
        """Send a request and read the head of its response.

        Args:
            request: What to send.

        Returns:
            The response, whatever its status; it must be closed.

        Raises:
            Unavailable: No response; reason `connect` only if nothing was sent.
        """
        ...


class AiohttpTransport:
    """Requests over a pool of connections. Safe to use from several tasks of one loop.

    At most `connections` requests at a time; more wait for `POOL_WAIT_SECONDS`.
    """

    def __init__(
        self,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
        connections: int = CONNECTIONS,
        egress: "Egress | None" = None,
    ) -> None:
        """Start closed.

        Args:
            max_body_bytes: Longest body that is read, unpacked.
            connections: Most connections at a time.
            egress: Where requests may go; None for a provider of the fleet.
        """
        self._max_body_bytes = max_body_bytes
        self._connections = connections
        self._egress = egress
        self._session: aiohttp.ClientSession | None = None
        self._places = asyncio.Semaphore(connections)

    async def open(self) -> None:
        """Open the pool; its connections are made as they are needed."""
        resolver = self._egress.resolver() if self._egress is not None else None
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections,
                keepalive_timeout=KEEP_ALIVE_SECONDS,
                resolver=resolver,
                use_dns_cache=resolver is None,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            headers={"User-Agent": "fleetwright", "Accept-Encoding": ENCODINGS},
            auto_decompress=False,  # it would unpack without bounds
        )
        # aiohttp would send again on its own; whether to is the pipeline's to decide.
        session._retry_connection = False
        self._session = session
        self._places = asyncio.Semaphore(self._connections)

    async def close(self) -> None:
        """Close the pool and its connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def exchange(self, request: Request) -> Response:
        """Send a request and read its response to the end.

        Args:
            request: What to send.

        Returns:
            The response, whatever its status.

        Raises:
            Unavailable: No response; reason `connect` only if nothing was sent.
        """
        if self._places.locked():
            await self._place()
        else:
            await self._places.acquire()
        try:
            answer = await self._sent(request)
            try:
                body = await self._body(answer)
            except BaseException:
                answer.close()
                raise
            return Response(answer.status, answer.headers, body)
        except (aiohttp.ClientError, OSError) as error:
            raise _failure(error) from error
        finally:
            self._places.release()

    async def begin(self, request: Request) -> Incoming:
        """Send a request and read the head of its response.

        Args:
            request: What to send.

        Returns:
            The response, whatever its status; it must be closed.

        Raises:
            Unavailable: No response; reason `connect` only if nothing was sent.
        """
        await self._place()
        try:
            return _Incoming(await self._sent(request), self._places)
        except BaseException as error:
            self._places.release()
            if isinstance(error, (aiohttp.ClientError, OSError)):
                raise _failure(error) from error
            raise

    async def _place(self) -> None:
        """Wait for a place in the pool."""
        try:
            async with asyncio.timeout(POOL_WAIT_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise Unavailable(
                f"none of {self._connections} connections became free within"
                f" {POOL_WAIT_SECONDS:g} s",
                reason="rejected",
                hint="put a Bulkhead into the pipeline, so that fewer calls go out at"
                " once",
            ) from None

    async def _sent(self, request: Request) -> aiohttp.ClientResponse:
        if self._session is None:
            raise Unavailable(
                "the connection pool is closed",
                reason="connect",
                hint="call between open() and close() of the service",
            )
        if self._egress is not None:
            self._egress.check(request.url)
        return await self._session.request(
            request.method,
            URL(request.url, encoded=True),
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
        )

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        unpacker = unpacker_of(answer.headers.get(_ENCODING))
        length = answer.headers.get(_LENGTH)
        if unpacker is None and length is not None:
            if int(length) <= self._max_body_bytes:
                return await answer.read()
            raise self._too_long()
        whole = bytearray()
        async for piece in answer.content.iter_any():
            whole += unpacker.unpacked(piece) if unpacker is not None else piece
            if len(whole) > self._max_body_bytes:
                raise self._too_long()
        if unpacker is not None:
            unpacker.end()
        return bytes(whole)

    def _too_long(self) -> Unavailable:
        return Unavailable(
            f"the answer is longer than {self._max_body_bytes} bytes",
            reason="invalid_answer",
            hint="ask for less at once, for example by pages",
        )


class _Incoming:
    """A response of aiohttp that is read piece by piece."""

    def __init__(
        self, answer: aiohttp.ClientResponse, places: asyncio.Semaphore
    ) -> None:
        self.status = answer.status
        self.headers: Mapping[str, str] = answer.headers
        self._answer = answer
        self._places: asyncio.Semaphore | None = places
        try:
            self._unpacker = unpacker_of(answer.headers.get(_ENCODING))
        except BaseException:
            answer.close()
            raise

    async def read(self) -> bytes:
        """Return the next piece of the body; empty at its end."""
        unpacker = self._unpacker
        try:
            while piece := await self._answer.content.readany():
                if unpacker is None:
                    return piece
                if out := unpacker.unpacked(piece):
                    return out
        except (aiohttp.ClientError, OSError) as error:
            raise _failure(error) from error
        if unpacker is not None:
            unpacker.end()
        return b""

    async def close(self) -> None:
        """Close the connection; one whose body was read to its end goes on living."""
        places, self._places = self._places, None
        if places is not None:
            self._answer.close()
            places.release()


def _failure(error: aiohttp.ClientError | OSError) -> Unavailable:
    """Return what an error of aiohttp means for the call."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return Unavailable(f"cannot connect: {error}", reason="connect")
    if isinstance(error, aiohttp.ClientPayloadError):
        return Unavailable(f"answer was cut: {error}", reason="reset")
    if isinstance(error, aiohttp.ClientResponseError):
        return Unavailable(
            f"answer is not HTTP: {error.message}", reason="invalid_answer"
        )
    said = str(error) or type(error).__name__
    return Unavailable(f"connection lost: {said}", reason="reset")
