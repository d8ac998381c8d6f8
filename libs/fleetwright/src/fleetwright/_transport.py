"""Transport: one request out, one response in; aiohttp is the one that is used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from fleetwright.errors import Unavailable

try:
    import aiohttp
    from yarl import URL
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"fleetwright.rest needs {error.name}\n"
        "hint: add `fleetwright[rest]` to requirements.in and run `fleet lock`",
        name=error.name,
    ) from error

MAX_BODY_BYTES = 10 * 1024 * 1024
# Below the 5 seconds after which uvicorn closes an idle connection: a request on one
# that is just being closed cannot be told from one that was lost.
_KEEP_ALIVE_SECONDS = 4.0
_CONNECTIONS = 100


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
        headers: Header fields; names in lower case.
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


class AiohttpTransport:
    """Requests over a pool of connections. Safe to use from several tasks."""

    def __init__(self, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        """Start closed.

        Args:
            max_body_bytes: Longest body that is read.
        """
        self._max_body_bytes = max_body_bytes
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Open the pool; its connections are made as they are needed."""
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_SECONDS
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            headers={"User-Agent": "fleetwright"},
        )
        # aiohttp would send again on its own; whether to is the pipeline's to decide.
        session._retry_connection = False
        self._session = session

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
        if self._session is None:
            raise Unavailable(
                "the connection pool is closed",
                reason="connect",
                hint="call between open() and close() of the service",
            )
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
            ) as answer:
                body = await self._read(answer)
                headers = {
                    name.lower(): value for name, value in answer.headers.items()
                }
                return Response(answer.status, headers, body)
        except aiohttp.ClientConnectorError as error:
            raise Unavailable(f"cannot connect: {error}", reason="connect") from error
        except aiohttp.ClientPayloadError as error:
            raise Unavailable(f"answer was cut: {error}", reason="reset") from error
        except aiohttp.ClientResponseError as error:
            raise Unavailable(
                f"answer is not HTTP: {error.message}", reason="invalid_answer"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(
                f"connection lost: {str(error) or type(error).__name__}", reason="reset"
            ) from error

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        pieces = bytearray()
        async for piece in answer.content.iter_any():
            pieces += piece
            if len(pieces) > self._max_body_bytes:
                answer.close()
                raise Unavailable(
                    f"the answer is longer than {self._max_body_bytes} bytes",
                    reason="invalid_answer",
                    hint="ask for less at once, for example by pages",
                )
        return bytes(pieces)
