"""Clients of others, each as its own documents show it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import urlsplit

Call = Callable[[], Awaitable[object]]


@asynccontextmanager
async def aiohttp_bare(url: str) -> AsyncIterator[Call]:
    """Give a call by aiohttp.

    Args:
        url: Where the answer is.
    """
    import aiohttp

    async with aiohttp.ClientSession() as session:

        async def call() -> object:
            async with session.get(url) as answer:
                return await answer.read()

        yield call


@asynccontextmanager
async def pyreqwest_bare(url: str) -> AsyncIterator[Call]:
    """Give a call by pyreqwest.

    Args:
        url: Where the answer is.
    """
    from pyreqwest.client import ClientBuilder

    async with ClientBuilder().build() as client:

        async def call() -> object:
            answer = await client.get(url).build().send()
            return await answer.bytes()

        yield call


@asynccontextmanager
async def httpx2_bare(url: str) -> AsyncIterator[Call]:
    """Give a call by httpx2.

    Args:
        url: Where the answer is.
    """
    import httpx2

    async with httpx2.AsyncClient() as client:

        async def call() -> object:
            return (await client.get(url)).content

        yield call


@asynccontextmanager
async def usual_stack(url: str) -> AsyncIterator[Call]:
    """Give a call by httpx2 with retries, a breaker, a span and its headers.

    Args:
        url: Where the answer is.
    """
    import httpx2
    import stamina
    from opentelemetry import propagate
    from opentelemetry.sdk.trace import TracerProvider
    from purgatory import AsyncCircuitBreakerFactory

    tracer = TracerProvider().get_tracer("bench")
    breakers = AsyncCircuitBreakerFactory()

    async with httpx2.AsyncClient(timeout=1.0) as client:

        retry: Any = stamina.retry(on=httpx2.TransportError, attempts=3, timeout=2.0)

        @retry  # type: ignore[untyped-decorator]
        async def attempt() -> object:
            async with await breakers.get_breaker("catalog"):
                headers: dict[str, str] = {}
                propagate.inject(headers)
                return (await client.get(url, headers=headers)).json()

        async def call() -> object:
            with tracer.start_as_current_span("GET"):
                return await attempt()

        yield call


class _Floor(asyncio.Protocol):
    """One connection: a request out, the parser's word that the answer is whole."""

    def __init__(self, parser: Any) -> None:
        self._new_parser = parser
        self._parser: Any = None
        self._whole: asyncio.Future[bytes] | None = None
        self._body = b""
        self.transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)
        self._parser = self._new_parser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._whole is not None:
            self._whole.set_result(self._body)

    def ask(self, request: bytes) -> "asyncio.Future[bytes]":
        self._body = b""
        self._parser = self._new_parser(self)
        self._whole = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._whole


@asynccontextmanager
async def httptools_floor(url: str) -> AsyncIterator[Call]:
    """Give a call by a parser on a bare connection: what no client can go below.

    Args:
        url: Where the answer is.
    """
    import httptools

    parts = urlsplit(url)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    free: list[_Floor] = []

    async def call() -> object:
        if free:
            connection = free.pop()
        else:
            _, connection = await loop.create_connection(
                lambda: _Floor(httptools.HttpResponseParser),
                parts.hostname or "",
                parts.port or 80,
            )
        body = await connection.ask(request)
        free.append(connection)
        return body

    yield call
    for connection in free:
        connection.transport.close()
