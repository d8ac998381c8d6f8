"""A client of things, and the wire it calls over."""

import asyncio
from enum import StrEnum
from typing import Annotated, Protocol
from uuid import UUID

from pydantic import BaseModel, Field

from fleetwright.errors import Refused
from fleetwright.resilience import Pipeline
from fleetwright.rest import Header, Request, Response, get, post, put, rest

ID = UUID("00000000-0000-4000-8000-000000000007")


class Colour(StrEnum):
    """A word from a list."""

    red = "red"


class Thing(BaseModel):
    """A thing with a field that is called otherwise on the wire."""

    sku: str
    pence: int = Field(default=0, alias="price_pence")


class Taken(Refused):
    """The name is taken."""


class Things(Protocol):
    """What the tests call."""

    @get("/v1/things/{sku}", missing=404)
    async def find(self, sku: str) -> Thing | None:
        """Return one."""
        ...

    @get("/v1/things")
    async def list(
        self,
        tag: list[str] | None = None,
        *,
        page: int = 1,
        sold: bool | None = None,
        colour: Colour | None = None,
    ) -> list[Thing]:
        """Return many."""
        ...

    @post("/v1/things", refusals={409: Taken})
    async def add(
        self,
        thing: Thing,
        *,
        key: Annotated[UUID | None, Header("Idempotency-Key")] = None,
    ) -> Thing:
        """Add one."""
        ...

    @post("/v1/sales", idempotent="key")
    async def sell(
        self,
        thing: Thing,
        *,
        key: Annotated[str | None, Header("Idempotency-Key")] = None,
    ) -> None:
        """Sell one, once."""
        ...

    @post("/v1/offers", idempotent="key")
    async def offer(self, thing: Thing) -> None:
        """Offer one, once."""
        ...

    @put("/v1/things/{sku}")
    async def keep(self, sku: str, thing: Thing | None = None) -> None:
        """Keep one."""
        ...


class Wire:
    """A transport that answers from a script and remembers what was sent."""

    def __init__(self, *script: Response | Exception | float) -> None:
        """Answer with `script`, one entry a send; a number is a wait; then 200."""
        self.script = list(script)
        self.sent: list[Request] = []
        self.is_open = False

    async def open(self) -> None:
        """Note it."""
        self.is_open = True

    async def close(self) -> None:
        """Note it."""
        self.is_open = False

    async def exchange(self, request: Request) -> Response:
        """Do what the script says next."""
        self.sent.append(request)
        step = self.script.pop(0) if self.script else answer(200, b'{"sku": "1"}')
        if isinstance(step, Exception):
            raise step
        if isinstance(step, float):
            await asyncio.sleep(step)
            return answer(200, b'{"sku": "1"}')
        return step


def answer(status: int, body: bytes = b"", **headers: str) -> Response:
    """Return an answer; underscores in the names of headers are dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, named, body)


def client(wire: Wire, pipeline: Pipeline | None = None) -> Things:
    """Return a client over that wire."""
    return rest(Things, provider="shelf", transport=wire, pipeline=pipeline)
