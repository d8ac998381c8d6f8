"""Trace context passes on as W3C's harness demands, through Flask and a sync client."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any, Protocol

import pytest
import pytest_asyncio
from flask import Flask
from w3c_cases import CASES, THREE_CALLS, Case, faults
from werkzeug.test import EnvironBuilder, run_wsgi_app

from fleetwright import Service, Settings
from fleetwright._portal import end_background
from fleetwright._served import asgi_of
from fleetwright._transport import Request, Response
from fleetwright.auth import public
from fleetwright.flask import mount, uses
from fleetwright.rest import get, rest


class Next(Protocol):
    """What the service under test calls."""

    @get("/next")
    def call(self) -> str:
        """Call the next service."""
        ...


class Recorder:
    """A transport that answers everything and keeps what was sent.

    Attributes:
        sent: The headers of each request, names in lower case.
    """

    def __init__(self) -> None:
        """Start with nothing sent."""
        self.sent: list[dict[str, str]] = []

    async def open(self) -> None:
        """Need nothing."""

    async def exchange(self, request: Request) -> Response:
        """Keep the headers of a request and answer it."""
        self.sent.append(
            {name.lower(): value for name, value in request.headers.items()}
        )
        return Response(200, {"content-type": "application/json"}, b'"here"')

    async def close(self) -> None:
        """Hold nothing."""


class ServedByUs:
    """Asks the application behind our bridge, and sees the calls it makes."""

    def __init__(self) -> None:
        """Make the service."""
        self.recorder = Recorder()
        self.service = Service("traced", Settings(environment="test"))
        self.service.add(rest(Next, provider="next", transport=self.recorder))
        app = Flask("traced")

        @app.get("/<int:calls>")
        @public
        def root(calls: int) -> str:
            for _ in range(calls):
                uses(Next).call()
            return ""

        self.app = mount(app, self.service)

    async def open(self) -> None:
        """Start the service."""
        self.asgi = asgi_of(self.app, self.service)
        await self.service.open()

    async def close(self) -> None:
        """Stop the service."""
        await self.service.close()

    async def calls_made(self, case: Case, count: int) -> list[dict[str, str]]:
        """Return the headers of the calls made for one request."""
        self.recorder.sent.clear()
        scope = {
            "type": "http",
            "method": "GET",
            "path": f"/{count}",
            "query_string": b"",
            "http_version": "1.1",
            # Servers hand names over in lower case, whatever was sent.
            "headers": [
                (name.lower().encode(), v.encode()) for name, v in case.headers
            ],
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: MutableMapping[str, Any]) -> None:
            assert message.get("status", 200) == 200

        await self.asgi(scope, receive, send)
        return list(self.recorder.sent)


class ServedByOthers(ServedByUs):
    """Asks the application as a WSGI server does: fields of one name in one value."""

    async def open(self) -> None:
        """Do nothing: it opens at the first request."""

    async def close(self) -> None:
        """End what was opened for it."""
        await asyncio.to_thread(end_background)

    async def calls_made(self, case: Case, count: int) -> list[dict[str, str]]:
        """Return the headers of the calls made for one request."""
        self.recorder.sent.clear()
        environ = EnvironBuilder(path=f"/{count}").get_environ()
        for name, value in case.headers:
            key = f"HTTP_{name.upper().replace('-', '_')}"
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        _, status, _ = await asyncio.to_thread(run_wsgi_app, self.app, environ)
        assert status == "200 OK"
        return list(self.recorder.sent)


@pytest_asyncio.fixture(
    loop_scope="module",
    scope="module",
    params=[ServedByUs, ServedByOthers],
    ids=["served by us", "served by others"],
)
async def harness(
    request: pytest.FixtureRequest, logs_put_back: None
) -> AsyncIterator[ServedByUs]:
    """Give a running service under test."""
    one: ServedByUs = request.param()
    await one.open()
    yield one
    await one.close()


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.test)
async def test_one_call(harness: ServedByUs, case: Case) -> None:
    """What comes in decides what goes out."""
    outgoing = await harness.calls_made(case, 1)

    assert len(outgoing) == 1
    assert faults(case, outgoing) == []


@pytest.mark.parametrize("case", THREE_CALLS, ids=lambda case: case.test)
async def test_three_calls(harness: ServedByUs, case: Case) -> None:
    """Each call out has a span of its own, in the one trace."""
    outgoing = await harness.calls_made(case, 3)

    assert len(outgoing) == 3
    assert faults(case, outgoing) == []
