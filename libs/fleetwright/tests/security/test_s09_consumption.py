"""S9: one request has an end (OWASP API4:2023)."""

from typing import Annotated

import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel, Field

from fleetwright.testing import unbounded_requests


class Line(BaseModel):
    """A part of an order, with parts of its own."""

    sku: str
    notes: list[str] = Field(default=[], max_length=3)


class Order(BaseModel):
    """Lists with an end."""

    lines: list[Line] = Field(max_length=2000)


class EndlessLine(Line):
    """A part whose list has none."""

    tags: list[str] | None = None


class EndlessOrder(BaseModel):
    """Lists without an end, one within the other."""

    lines: list[EndlessLine]


@pytest.fixture
def app() -> FastAPI:
    """Return an application without routes."""
    return FastAPI()


def test_bounded_api_asks_for_nothing_endless(app: FastAPI) -> None:
    """A maximum of 100 for pages, a length for every list."""

    @app.get("/orders")
    async def orders(page_size: Annotated[int, Query(ge=1, le=100)] = 50) -> None: ...

    @app.post("/orders")
    async def place(order: Order) -> None: ...

    assert unbounded_requests(app.openapi()) == []


def test_pages_without_a_maximum_of_100_are_named(app: FastAPI) -> None:
    """Whoever asks decides else what an answer costs."""

    @app.get("/orders")
    async def orders(
        limit: int = 50, page_size: Annotated[int, Query(le=101)] = 50
    ) -> None: ...

    assert unbounded_requests(app.openapi()) == [
        "GET /orders: limit",
        "GET /orders: page_size",
    ]


def test_lists_without_an_end_are_named(app: FastAPI) -> None:
    """Wherever in the body they stand."""

    @app.post("/orders")
    async def place(order: EndlessOrder) -> None: ...

    assert unbounded_requests(app.openapi()) == [
        "POST /orders: body.lines",
        "POST /orders: body.lines[].tags",
    ]
