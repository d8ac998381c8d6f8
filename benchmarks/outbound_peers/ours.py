"""Our client, within a call that has a deadline, as in a handler; and parts of it."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import BaseModel

from fleetwright._context import bind, new_call
from fleetwright._deadline import Deadline
from fleetwright._transport import AiohttpTransport, Request, Response
from fleetwright.rest import Transport, get, rest
from outbound_peers.server import BODY

Call = Callable[[], Awaitable[object]]


class Product(BaseModel):
    """What is read."""

    sku: str
    name: str
    price_pence: int


class Catalog(Protocol):
    """Who is called."""

    @get("/v1/products/{sku}", missing=404)
    async def product(self, sku: str) -> Product | None:
        """Return one product."""
        ...


class Nowhere:
    """A transport without a network: what is left is our own work."""

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def exchange(self, request: Request) -> Response:
        """Answer at once."""
        return Response(200, {}, BODY)


@asynccontextmanager
async def transport(url: str) -> AsyncIterator[Call]:
    """Give a call by our transport alone.

    Args:
        url: Where the answer is.
    """
    pool = AiohttpTransport()
    await pool.open()
    request = Request("GET", url, {"Accept": "application/json"})
    yield lambda: pool.exchange(request)
    await pool.close()


@asynccontextmanager
async def client(url: str, carried: Transport | None = None) -> AsyncIterator[Call]:
    """Give a call by a typed client with its default pipeline.

    Args:
        url: Where the answer is.
        carried: What carries the request; the network when left out.
    """
    parts = urlsplit(url)
    os.environ["CATALOG_URL"] = f"{parts.scheme}://{parts.netloc}"
    catalog = rest(Catalog, provider="catalog", transport=carried)
    within = new_call("storefront")
    # Bound once: in a service the story of the call coming in has done it.
    with bind(within), Deadline.after(3600.0):
        yield lambda: catalog.product("71053")
    await catalog.__part__.close()  # type: ignore[attr-defined]


def client_alone(url: str) -> AbstractAsyncContextManager[Call]:
    """Give a call by a typed client that reaches no network.

    Args:
        url: Unused.
    """
    return client(url, Nowhere())
