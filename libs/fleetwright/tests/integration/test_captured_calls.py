"""Calls kept by running services: Flask in a process of its own, and over gRPC."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from flask_served import BY_US, running
from httpx2 import AsyncClient

from fleetwright import Problem, Refused, Service, _logs
from fleetwright._log_writer import LineWriter
from fleetwright.auth import allow, public
from fleetwright.grpc import GrpcSettings, RpcServer, serve
from fleetwright.testing import calling, serving

SAY = "/fleetwright.tests.v1.Echo/Say"
WRITE = "/fleetwright.tests.v1.Echo/Write"


@pytest.mark.parametrize("server", (BY_US, "by gunicorn"))
async def test_flask_keeps_a_call_whoever_serves_it(
    tmp_path: Path, server: str
) -> None:
    """The body that was sent, the address with its values, what was answered."""
    async with (
        running(tmp_path, server, CAPTURE_CALLS="true") as service,
        AsyncClient(timeout=60) as http,
    ):
        key = {"Idempotency-Key": "0" * 32}
        sent = {"a": 1, "password": "canary-5150"}
        await http.post(f"{service.url}/bytes?dry=1", json=sent, headers=key)
        call = await service.until("call.captured")

    assert (call["method"], call["path"], call["query"]) == ("POST", "/bytes", "dry=1")
    assert call["request"] == {"json": {"a": 1, "password": "***"}}
    assert call["answer"]["json"].keys() == {"bytes"}
    assert (call["status"], call["once"]) == (200, True)
    assert len(call["trace_id"]) == 32


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


@pytest.fixture(name="paper")
def _paper(logs_put_back: None) -> Iterator[Paper]:
    """Where the lines of this process go."""
    paper = Paper()
    _logs.set_up("echo", GrpcSettings(log_format="json"), writer=paper)
    yield paper
    _logs.tear_down()


@pytest.fixture(name="service")
async def _service(generated: SimpleNamespace, paper: Paper) -> AsyncIterator[Service]:
    """A service that captures: words for the shop, writing for everyone."""
    base: Any = generated.rpc.EchoServicer

    class Servicer(base):  # type: ignore[misc]
        @allow("shop")
        async def Say(self, request: Any, context: Any) -> Any:  # noqa: N802
            return request

        @public
        async def Write(self, request: Any, context: Any) -> Any:  # noqa: N802
            if request.text == "no":
                raise Problem(409, "Not now", kind="not_now")
            return request

    app = Service("echo", GrpcSettings(grpc_port=0, capture_calls=True))
    adding = generated.rpc.add_EchoServicer_to_server
    app.add(serve(Servicer(), adding, port=0, reflection=True))
    async with serving(app):
        yield app


async def test_message_is_kept_with_who_sent_it(
    service: Service, generated: SimpleNamespace, paper: Paper
) -> None:
    """Both messages whole, the method as the address; a refusal with its status."""
    words = generated.messages.Words
    async with calling(service, generated.rpc.EchoStub, caller="shop") as echo:
        await echo.Say(words(text="hello"))
        with pytest.raises(Refused):
            await echo.Write(words(text="no"))
    async with calling(service, generated.rpc.EchoStub, caller=None) as echo:
        await echo.Write(words(text="x" * 5000))

    said, refused, long = paper.calls
    assert (said["method"], said["path"]) == ("GRPC", SAY)
    assert said["request"] == said["answer"] == {"json": {"text": "hello"}}
    assert (said["status"], said["by"]["subject"]) == (200, "shop")
    assert (refused["status"], refused["answer"]) == (409, {})
    assert long["request"]["left_out"].endswith(" bytes")


async def test_refused_call_is_kept_too(
    service: Service, generated: SimpleNamespace, paper: Paper
) -> None:
    """Nobody known, a token that is none, no message, no place for one more."""
    words = generated.messages.Words
    token = ("authorization", "Bearer canary-5150")
    async with calling(service, generated.rpc.EchoStub, caller=None) as echo:
        with pytest.raises(Refused):
            await echo.Say(words(text="hello"))
    address = f"127.0.0.1:{service.find(RpcServer).port}"
    async with grpc.aio.insecure_channel(address) as channel:
        say: Any = channel.unary_unary(SAY)
        write: Any = channel.unary_unary(WRITE)
        with pytest.raises(grpc.aio.AioRpcError):
            await say(words(text="in").SerializeToString(), metadata=(token,))
        with pytest.raises(grpc.aio.AioRpcError):
            await write(b"\xff")
        while service.admission.admit_headers([]):
            pass  # every place is taken
        with pytest.raises(grpc.aio.AioRpcError):
            await write(words(text="more").SerializeToString())

    assert [(it["status"], it["request"]) for it in paper.calls] == [
        (401, {"json": {"text": "hello"}}),
        (401, {"json": {"text": "in"}}),
        (400, {"left_out": "no message of its type"}),
        (503, {"json": {"text": "more"}}),
    ]
    assert "canary" not in json.dumps(paper.calls)


async def by_hand(service: Service, path: str, message: object) -> tuple[bytes, bytes]:
    """Return what the command writes to stdout and to stderr."""
    address = f"127.0.0.1:{service.find(RpcServer).port}"
    words = (sys.executable, "-m", "fleetwright.grpc.call", address, path)
    process = await asyncio.create_subprocess_exec(
        *words, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    given = json.dumps({"message": message}).encode()
    return await process.communicate(given)


async def test_call_is_made_by_hand(service: Service, paper: Paper) -> None:
    """By who knows nothing of its messages; what is wrong is told, a refusal whole."""
    told = (await service.info())["parts"]["RpcServer"]
    (said, _), (no, _), (_, strange), (_, unknown) = await asyncio.gather(
        by_hand(service, WRITE, {"text": "hello"}),
        by_hand(service, WRITE, {"text": "no"}),
        by_hand(service, WRITE, {"words": 1}),
        by_hand(service, "/fleetwright.tests.v1.Echo/Sing", {}),
    )

    assert told["requests"] == {SAY: {"text": ""}, WRITE: {"text": ""}}
    assert json.loads(said) == {
        "status": 200,
        "code": "OK",
        "message": {"text": "hello"},
    }
    refused = json.loads(no)
    assert (refused["status"], refused["code"]) == (409, "ALREADY_EXISTS")
    assert refused["problem"]["kind"] == "not_now"
    assert b'no field named "words"' in strange
    assert b"has no method Sing" in unknown
    assert b"hint: it has Say, Write" in unknown
