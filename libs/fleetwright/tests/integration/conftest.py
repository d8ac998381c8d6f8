"""Fixtures of the tests over gRPC: a service that echoes, on a real connection."""

import importlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from grpc_tools import protoc

from fleetwright import Service
from fleetwright.grpc import GrpcSettings, RpcServer, serve, stub
from fleetwright.resilience import Pipeline, Retry, Timeout

Answer = Callable[[str], Awaitable[str]]
PROTO = Path(__file__).with_name("echo.proto")


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Return what is generated from echo.proto: `messages` and `rpc`."""
    folder = tmp_path_factory.mktemp("generated")
    words = [
        f"-I{PROTO.parent}",
        f"--python_out={folder}",
        f"--grpc_python_out={folder}",
    ]
    assert protoc.main(["protoc", *words, str(PROTO)]) == 0
    sys.path.insert(0, str(folder))
    return SimpleNamespace(
        messages=importlib.import_module("echo_pb2"),
        rpc=importlib.import_module("echo_pb2_grpc"),
    )


class Echo:
    """A running service that answers by `answer`, and clients for it."""

    def __init__(self, generated: SimpleNamespace) -> None:
        """Answer with the same words, until told otherwise."""
        self.generated = generated
        self.words = generated.messages.Words
        self.answer: Answer = self._same
        self.heard: list[str] = []
        self.service: Service
        self.server: RpcServer
        self.stubs: list[Any] = []

    async def _same(self, text: str) -> str:
        return text

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server.port}"

    async def start(
        self, *, parts: tuple[object, ...] = (), port: int = 0, **given: Any
    ) -> None:
        """Start the service; `port`, `reflection` and the limits are for `serve`."""
        echo = self

        base: Any = self.generated.rpc.EchoServicer

        class Servicer(base):  # type: ignore[misc]
            async def Say(self, request: Any, context: Any) -> Any:  # noqa: N802
                echo.heard.append(request.text)
                return echo.words(text=await echo.answer(request.text))

            Write = Say

        serving = {
            name: given.pop(name)
            for name in ("reflection", "max_message_bytes")
            if name in given
        }
        adding = self.generated.rpc.add_EchoServicer_to_server
        self.service = Service("echo", GrpcSettings(**given))
        for part in parts:
            self.service.add(part)
        self.server = self.service.add(serve(Servicer(), adding, port=port, **serving))
        await self.service.open()

    def stub(
        self, *, attempts: int = 3, seconds: float = 5.0, first_seconds: float = 0.001
    ) -> Any:
        """Return a client of the service."""
        retry = Retry(attempts, first_seconds=first_seconds)
        pipeline = Pipeline("echo", Timeout(seconds), retry)
        made = stub(
            self.generated.rpc.EchoStub,
            provider="echo",
            url=self.url,
            pipeline=pipeline,
        )
        self.stubs.append(made)
        return made

    async def say(self, text: str, **how: Any) -> str:
        """Return what is answered to some words."""
        reply = await self.stub(**how).Say(self.words(text=text))
        return str(reply.text)


@pytest.fixture
async def echo(generated: SimpleNamespace) -> AsyncIterator[Echo]:
    """Return a service that echoes; a test starts it, the end of the test stops it."""
    one = Echo(generated)
    yield one
    for made in one.stubs:
        await made.__part__.close()
    if hasattr(one, "service"):
        await one.service.close()
