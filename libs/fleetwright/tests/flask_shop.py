"""A shop in Flask, and ways to ask it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from flask import Flask, Response, abort, request
from httpx2 import AsyncClient
from pydantic import BaseModel
from werkzeug.test import Client

from fleetwright import Problem, Refused, Service, Settings, Unavailable
from fleetwright._context import current_call
from fleetwright._deadline import current_deadline
from fleetwright._log_writer import LineWriter
from fleetwright._portal import end_background
from fleetwright.errors import DeadlineExceeded
from fleetwright.flask import body, mount, uses
from fleetwright.testing import serving


class Shelf:
    """A part that is open or not."""

    is_open = False

    async def open(self) -> None:
        """Open."""
        self.is_open = True

    async def close(self) -> None:
        """Close."""
        self.is_open = False


class Card(BaseModel):
    """A body with a secret."""

    number: int


def shop(**given: Any) -> Flask:
    """Return a small application on a service with one part."""
    service = Service("shop", Settings(**given))
    service.add(Shelf())
    app = Flask("shop")

    @app.get("/things/<name>")
    def thing(name: str) -> dict[str, Any]:
        call, deadline = current_call(), current_deadline()
        assert call is not None
        assert deadline is not None
        told = {"id": call.id, "caller": call.caller, "trace": call.traceparent}
        return {"name": name, "open": uses(Shelf).is_open, "left": deadline.left()} | (
            told
        )

    @app.get("/errors/<kind>")
    def error(kind: str) -> str:
        if kind == "abort":
            abort(401, description="Log in first.")
        raise ERRORS[kind]

    @app.post("/cards")
    def card() -> dict[str, Any]:
        return {"number": body(Card).number}

    @app.route("/length", methods=["POST"])
    def length() -> dict[str, int]:
        return {"bytes": len(request.get_data())}

    @app.get("/lines")
    def lines() -> Response:
        return Response((f"{i}\n" for i in range(3)), mimetype="text/plain")

    return mount(app, service)


ERRORS: dict[str, Exception] = {
    "problem": Problem(409, "Sold out", detail="No tea.", kind="sold_out"),
    "unavailable": Unavailable("away", reason="connect", provider="catalog"),
    "refused": Refused("no", status=402, provider="payments"),
    "late": DeadlineExceeded("too late", provider="catalog"),
    "bug": KeyError("canary"),
}


class Paper(LineWriter):
    """A writer that keeps the lines."""

    def __init__(self) -> None:
        """Start with an empty sheet."""
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def write(self, line: bytes, *, urgent: bool = False) -> None:
        """Keep a line."""
        self.lines.append(json.loads(line))

    def lines_of(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of one event."""
        return [line for line in self.lines if line["event"] == event]


class Answer(BaseModel):
    """An answer, however it was asked for."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json_(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


Ask = Callable[..., Awaitable[Answer]]


async def by_us(app: Flask, method: str, path: str, **given: Any) -> Answer:
    """Ask an application that we serve."""
    async with serving(app, caller=None) as http:
        return await over(http, method, path, **given)


async def over(http: AsyncClient, method: str, path: str, **given: Any) -> Answer:
    """Ask over a client of ours."""
    response = await http.request(
        method, path, headers=given.get("headers"), content=given.get("data")
    )
    return Answer(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        text=response.text,
    )


async def by_others(app: Flask, method: str, path: str, **given: Any) -> Answer:
    """Ask an application the way a WSGI server does, in a thread of its own."""

    def ask() -> Answer:
        response = Client(app).open(path, method=method, **given)
        return Answer(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            text=response.get_data(as_text=True),
        )

    try:
        return await asyncio.to_thread(ask)
    finally:
        await asyncio.to_thread(end_background)
