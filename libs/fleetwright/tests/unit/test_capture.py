"""Calls kept with their bodies, for a developer to send again."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from flask import Flask, Response
from httpx2 import AsyncClient
from pydantic import BaseModel
from werkzeug.test import Client

from fleetwright import Service, Settings, _logs
from fleetwright._log_writer import LineWriter
from fleetwright._portal import end_background
from fleetwright.auth import allow, public
from fleetwright.errors import SettingsError
from fleetwright.fastapi import mount
from fleetwright.flask import mount as mount_flask
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


@pytest.mark.parametrize("captures", (True, False))
async def test_flask_keeps_calls_behind_a_server_of_others(
    paper: Paper, captures: bool
) -> None:
    """As they pass, a streamed answer too; nothing unless somebody asks."""
    app = Flask("pages")

    @app.post("/pages/<name>")
    @public
    def pages(name: str) -> Response:
        return Response(iter([b'{"name"', b": 1}"]), content_type="application/json")

    settings = Settings(environment="test", capture_calls=captures)
    http = Client(mount_flask(app, Service("pages", settings)))
    try:
        answers = await asyncio.to_thread(
            lambda: [
                http.post("/pages/ünï?a=1", json={"token": "canary-5150"}),
                http.post("/pages/x", data=b"\xff", content_type="text/plain"),
            ]
        )
        said = [answer.get_data() for answer in answers]
    finally:
        await asyncio.to_thread(end_background)

    assert said == [b'{"name": 1}'] * 2
    assert len(paper.calls) == 2 * captures
    if captures:
        first, other = paper.calls
        assert (first["path"], first["query"]) == ("/pages/ünï", "a=1")
        assert first["request"] == {"json": {"token": "***"}}
        assert (first["status"], first["answer"]) == (200, {"json": {"name": 1}})
        assert other["request"] == {"left_out": "no JSON"}


def test_production_is_refused() -> None:
    """Bodies of customers are not for a log."""
    settings = Settings(capture_calls=True, environment="production")

    with pytest.raises(SettingsError, match="CAPTURE_CALLS=true would write"):
        mount(FastAPI(), Service("notes", settings))
