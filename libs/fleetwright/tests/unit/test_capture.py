"""Calls kept with their bodies, for a developer to send again."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from pydantic import BaseModel

from fleetwright import Service, Settings, _logs
from fleetwright._log_writer import LineWriter
from fleetwright.auth import allow, public
from fleetwright.errors import SettingsError
from fleetwright.fastapi import mount
from fleetwright.testing import serving


class Paper(LineWriter):
    """Keeps the captured calls among the lines."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.calls: list[dict[str, Any]] = []

    def write(self, line: bytes, *, urgent: bool = False) -> None:
        """Keep a call."""
        said = json.loads(line)
        if said["event"] == "call.captured":
            self.calls.append(said)


class Note(BaseModel):
    """What is posted."""

    text: str
    password: str = ""


def notes(**settings: Any) -> FastAPI:
    """Return a service that takes notes."""
    app = FastAPI()

    @app.post("/notes/{owner}", status_code=201)
    @allow(scope="write")
    async def post(owner: str, note: Note) -> dict[str, str]:
        return {"owner": owner, "text": note.text, "token": "canary-5150"}

    @app.get("/pages")
    @public
    async def pages(size: int) -> list[str]:
        return ["x" * size]

    return mount(app, Service("notes", Settings(environment="test", **settings)))


@pytest.fixture(name="paper")
async def _paper() -> AsyncIterator[Paper]:
    """Where the lines of this process go; INFO is the configured level."""
    paper = Paper()
    _logs.set_up("notes", Settings(log_format="json"), writer=paper)
    yield paper
    _logs.tear_down()


@pytest.fixture(name="client")
async def _client(paper: Paper) -> AsyncIterator[AsyncClient]:
    """A user of a service that captures."""
    async with serving(
        notes(capture_calls=True), caller="ann", scopes=["write"]
    ) as client:
        yield client


async def test_call_is_kept_with_what_it_takes_to_send_it_again(
    client: AsyncClient, paper: Paper
) -> None:
    """Method, address, body, who called, what was answered; secrets are masked."""
    note = {"text": "hello", "password": "canary-5150"}
    headers = {"Idempotency-Key": "0" * 32}
    await client.post("/notes/ann?dry=1", json=note, headers=headers)

    [call] = paper.calls
    assert (call["method"], call["path"], call["query"]) == (
        *("POST", "/notes/ann"),
        "dry=1",
    )
    assert call["request"] == {"json": {"text": "hello", "password": "***"}}
    assert call["answer"]["json"]["text"] == "hello"
    assert (call["status"], call["once"]) == (201, True)
    assert call["by"] == {"subject": "ann", "scopes": ["write"], "roles": []}
    assert len(call["trace_id"]) == 32
    assert "canary-5150" not in json.dumps(call)


async def test_body_that_is_long_or_no_json_is_left_out(
    client: AsyncClient, paper: Paper
) -> None:
    """What is kept is bounded; the client gets all of it."""
    answer = await client.get("/pages?size=10000")
    await client.post("/notes/ann", content=b"\xff\xfe")

    page, post = paper.calls
    assert len(answer.json()[0]) == 10_000
    assert page["answer"] == {"left_out": f"{len(answer.content)} bytes"}
    assert page["request"] == {}
    assert post["request"] == {"left_out": "no JSON"}


async def test_nothing_is_kept_unless_somebody_asks(paper: Paper) -> None:
    """It is off by default."""
    async with serving(notes()) as client:
        await client.get("/pages?size=1")

    assert paper.calls == []


def test_production_is_refused() -> None:
    """Bodies of customers are not for a log."""
    settings = Settings(capture_calls=True, environment="production")

    with pytest.raises(SettingsError, match="CAPTURE_CALLS=true would write"):
        mount(FastAPI(), Service("notes", settings))
