"""Trace context passes on as W3C's harness demands, through FastAPI and our client."""

from collections.abc import AsyncIterator, MutableMapping
from typing import Annotated, Any, Protocol

import pytest
import pytest_asyncio
from fastapi import FastAPI
from w3c_cases import CASES, THREE_CALLS, Case, faults

from fleetwright import Service, Settings
from fleetwright._transport import Request, Response
from fleetwright.fastapi import Uses, mount
from fleetwright.rest import get, rest
from fleetwright.testing import serving


class Next(Protocol):
    """What the service under test calls."""

    @get("/next")
    async def call(self) -> str:
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


class Harness:
    """Asks the service under test, and sees the calls it makes."""

    def __init__(self) -> None:
        """Make the service."""
        self.recorder = Recorder()
        service = Service("traced", Settings(environment="test"))
        service.add(rest(Next, provider="next", transport=self.recorder))
        app = FastAPI()

        @app.get("/{calls}")
        async def root(calls: int, following: Annotated[Next, Uses(Next)]) -> None:
            for _ in range(calls):
                await following.call()

        self.app = mount(app, service)

    async def calls_made(self, case: Case, count: int) -> list[dict[str, str]]:
        """Return the headers of the calls made for one request."""
        self.recorder.sent.clear()
        scope = {
            "type": "http",
            "method": "GET",
            "path": f"/{count}",
            "query_string": b"",
            # Servers hand names over in lower case, whatever was sent.
            "headers": [
                (name.lower().encode(), v.encode()) for name, v in case.headers
            ],
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: MutableMapping[str, Any]) -> None:
            assert message.get("status", 200) == 200

        await self.app(scope, receive, send)
        return list(self.recorder.sent)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def harness() -> AsyncIterator[Harness]:
    """Give a running service under test."""
    one = Harness()
    async with serving(one.app):
        yield one


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.test)
async def test_one_call(harness: Harness, case: Case) -> None:
    """What comes in decides what goes out."""
    outgoing = await harness.calls_made(case, 1)

    assert len(outgoing) == 1
    assert faults(case, outgoing) == []


@pytest.mark.parametrize("case", THREE_CALLS, ids=lambda case: case.test)
async def test_three_calls(harness: Harness, case: Case) -> None:
    """Each call out has a span of its own, in the one trace."""
    outgoing = await harness.calls_made(case, 3)

    assert len(outgoing) == 3
    assert faults(case, outgoing) == []


async def test_table_has_every_test_of_the_harness() -> None:
    """41 tests at W3C, 41 names here."""
    assert len({case.test for case in CASES + THREE_CALLS}) == 41
