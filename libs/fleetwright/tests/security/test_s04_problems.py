"""S4: whatever goes wrong, the answer is a problem that tells nothing of the inside."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from served import Running, problem_in, running, status_of

MODULE = """
from fastapi import FastAPI
from pydantic import BaseModel
from fleetwright import Service, Settings, Unavailable
from fleetwright.fastapi import mount

CANARY = "canary" + "-7f3a"

class Thing(BaseModel):
    number: int

def create_app():
    app = FastAPI()

    @app.get("/fails")
    async def fails() -> None:
        secret = CANARY
        raise ValueError(f"cannot log in with {secret}")

    @app.get("/nested")
    async def nested() -> None:
        try:
            raise KeyError(CANARY)
        except KeyError as error:
            raise RuntimeError(CANARY) from error

    @app.get("/sync")
    def sync() -> None:
        raise OSError(CANARY)

    @app.get("/wrong-answer")
    async def wrong_answer() -> Thing:
        return {"number": CANARY}

    @app.get("/unavailable")
    async def unavailable() -> None:
        raise Unavailable(CANARY, reason="connect", where=CANARY, hint=CANARY)

    @app.get("/group")
    async def group() -> None:
        raise ExceptionGroup(CANARY, [ValueError(CANARY)])

    @app.post("/thing")
    async def thing(thing: Thing) -> None:
        return None

    return mount(app, Service("quiet", Settings.load()))
"""
POST = "POST /thing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
JSON = "Content-Type: application/json\r\n"
CASES: dict[str, tuple[str, int]] = {
    "an error": ("GET /fails", 500),
    "an error with a cause": ("GET /nested", 500),
    "an error in a thread": ("GET /sync", 500),
    "a wrong answer": ("GET /wrong-answer", 500),
    "errors in a group": ("GET /group", 500),
    "a provider away": ("GET /unavailable", 503),
    "no such route": ("GET /canary-7f3a", 404),
    "no such method": ("DELETE /fails", 405),
    "a method of no use": ("TRACE /fails", 405),
    "closed docs": ("GET /docs", 404),
    "a wrong field": (POST + JSON, 422),
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Give a running service, as in production."""
    folder: Path = tmp_path_factory.mktemp("quiet")
    (folder / "made.py").write_text(MODULE)
    async with running(
        folder, "made:create_app", ENVIRONMENT="production", AUTH="off"
    ) as one:
        yield one


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("case", CASES)
async def test_answer_is_a_problem_without_the_canary(
    service: Running, case: str
) -> None:
    """Type, title and status; no text of an exception, no input, no version."""
    start, status = CASES[case]
    if start.startswith("POST"):
        body = json.dumps({"number": "canary-7f3a"})
        request = f"{start}Content-Length: {len(body)}\r\n\r\n{body}"
    else:
        request = f"{start} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await service.exchange(request.encode())
    problem = problem_in(answer)

    assert status_of(answer) == problem["status"] == status
    assert problem["title"]
    assert b"canary" not in answer
    assert b"Traceback" not in answer
    assert b"\r\nserver:" not in answer.lower()
    if status in (422, 500, 503):
        assert len(problem["instance"]) == 32
