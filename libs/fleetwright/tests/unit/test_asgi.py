"""The story told over ASGI: streams, clients that leave, other connections."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
import structlog

from fleetwright import Service, Settings
from fleetwright._asgi import App, FleetMiddleware, Receive, Scope, Send
from fleetwright._worker import WorkerApp

Message = MutableMapping[str, Any]


class Wire:
    """One connection: what the client sends, and what it gets."""

    def __init__(self, *incoming: Message) -> None:
        """Let the client send these messages, then be silent."""
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        for message in incoming or ({"type": "http.request", "body": b""},):
            self.incoming.put_nowait(message)
        self.sent: list[Message] = []
        self.begun = asyncio.Event()
        self.read = asyncio.Event()

    async def receive(self) -> Message:
        """Return the next message of the client."""
        message = await self.incoming.get()
        self.read.set()
        return message

    async def send(self, message: Message) -> None:
        """Keep a message for the client."""
        self.sent.append(message)
        self.begun.set()

    def hang_up(self) -> None:
        """Leave."""
        self.incoming.put_nowait({"type": "http.disconnect"})

    async def call(self, app: App, kind: str = "http", path: str = "/") -> None:
        """Make a request of the application."""
        scope = {"type": kind, "method": "GET", "path": path, "headers": []}
        await app(scope, self.receive, self.send)

    @property
    def status(self) -> int:
        """Status of the answer."""
        return int(self.sent[0]["status"])


async def around(app: App, **given: Any) -> tuple[FleetMiddleware, Service]:
    """Return an application with the middleware around it, on an open service."""
    service = Service("shop", Settings(**given))
    await service.open()
    return FleetMiddleware(app, service), service


async def wait_for_ever(scope: Scope, receive: Receive, send: Send) -> None:
    """Never answer."""
    await asyncio.Event().wait()


def start(content_type: bytes) -> Message:
    """Return the start of an answer."""
    headers = [(b"content-type", content_type)]
    return {"type": "http.response.start", "status": 200, "headers": headers}


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Begin a stream of events that never ends."""
    await send(start(b"text/event-stream; charset=utf-8"))
    await send(
        {"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True}
    )
    await asyncio.Event().wait()


async def test_work_of_a_client_that_left_is_cancelled() -> None:
    """Nobody pays for an answer nobody reads; the line says 499."""
    app, service = await around(wait_for_ever)
    wire = Wire()
    with structlog.testing.capture_logs() as logged:
        request = asyncio.create_task(wire.call(app))
        wire.hang_up()
        async with asyncio.timeout(60):
            await request

    assert wire.sent == []
    assert [(line["status"], line["outcome"]) for line in logged] == [(499, "gone")]
    assert service.lifecycle.in_flight == 0


async def test_client_that_leaves_while_its_body_is_read_is_gone() -> None:
    """An application that fails on a broken upload is not logged as a failure."""

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] == "http.disconnect":
            raise ConnectionResetError("client left")

    app, _ = await around(reads)
    wire = Wire({"type": "http.disconnect"})
    with structlog.testing.capture_logs() as logged:
        await wire.call(app)

    assert [line["event"] for line in logged] == ["call.answered"]
    assert logged[0]["outcome"] == "gone"


async def test_body_that_comes_while_watching_reaches_the_application() -> None:
    """Watching for a disconnect does not eat what the client sends."""
    go_on = asyncio.Event()
    read: list[bytes] = []

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        more = True
        while more:
            message = await receive()
            read.append(message["body"])
            more = message.get("more_body", False)
        await send(start(b"text/plain"))
        await send({"type": "http.response.body", "body": b"ok"})

    app, _ = await around(late)
    wire = Wire({"type": "http.request", "body": b"a", "more_body": True})
    request = asyncio.create_task(wire.call(app))
    await wire.read.wait()
    wire.incoming.put_nowait({"type": "http.request", "body": b"b"})
    go_on.set()
    await request

    assert read == [b"a", b"b"]
    assert wire.status == 200


async def test_application_may_listen_for_the_disconnect_itself() -> None:
    """A receive of the application takes over from the watching."""
    listening = asyncio.Event()
    heard: list[str] = []

    async def listens(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append((await receive())["type"])
        await asyncio.sleep(0.08)  # long enough to be watched meanwhile
        listening.set()
        heard.append((await receive())["type"])

    app, _ = await around(listens)
    wire = Wire()
    request = asyncio.create_task(wire.call(app))
    await listening.wait()
    await asyncio.sleep(0.06)
    wire.hang_up()
    async with asyncio.timeout(60):
        await request

    assert heard == ["http.request", "http.disconnect"]


async def test_stream_is_not_cut_by_the_deadline_and_ends_with_the_service() -> None:
    """A stream of events has no deadline; told to stop, it is ended properly."""
    app, service = await around(stream, request_seconds=0.01)
    wire = Wire()
    request = asyncio.create_task(wire.call(app))
    await wire.begun.wait()
    await asyncio.sleep(0.03)
    assert not request.done()

    service.lifecycle.stop()
    async with asyncio.timeout(60):
        await request

    assert wire.sent[-1] == {"type": "http.response.body", "body": b""}
    assert service.lifecycle.in_flight == 0


async def test_answer_that_was_begun_is_not_answered_twice() -> None:
    """After the start of an answer an error can only break it off."""

    async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(b"text/plain"))
        raise ValueError("half way")

    app, _ = await around(breaks)
    wire = Wire()
    with structlog.testing.capture_logs() as logged:
        await wire.call(app)

    assert len(wire.sent) == 1
    assert [line["event"] for line in logged] == ["call.failed", "call.answered"]


async def test_cancellation_by_the_server_goes_through() -> None:
    """A forced stop ends the request; the line says it was cancelled."""
    app, service = await around(wait_for_ever)
    with structlog.testing.capture_logs() as logged:
        request = asyncio.create_task(Wire().call(app))
        await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request

    assert logged[0]["outcome"] == "cancelled"
    assert service.lifecycle.in_flight == 0


async def test_head_of_a_problem_has_no_body() -> None:
    """A refused HEAD request gets headers only."""
    service = Service("shop", Settings())
    wire = Wire()
    scope = {"type": "http", "method": "HEAD", "path": "/", "headers": []}
    await FleetMiddleware(stream, service)(scope, wire.receive, wire.send)

    assert (wire.status, wire.sent[1]["body"]) == (503, b"")


async def test_other_connections_pass_through_with_the_service() -> None:
    """A websocket reaches the application and finds the parts."""
    seen: list[object] = []

    async def socket(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["fleetwright"])

    app, service = await around(socket)
    await Wire().call(app, kind="websocket")

    assert seen == [service]


async def test_worker_has_probes_and_a_life_but_no_api() -> None:
    """A service that only hears events can be watched like any other."""
    service = Service("notes", Settings())
    app = WorkerApp(service)
    life = Wire({"type": "lifespan.startup"})
    living = asyncio.create_task(life.call(app, kind="lifespan"))
    await life.begun.wait()

    probe, other, socket = Wire(), Wire(), Wire()
    await probe.call(app, path="/readyz")
    await other.call(app, path="/orders")
    await socket.call(app, kind="websocket")
    life.incoming.put_nowait({"type": "lifespan.shutdown"})
    await living

    assert (probe.status, other.status) == (200, 404)
    assert socket.sent[0]["type"] == "websocket.close"
    assert [message["type"] for message in life.sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_worker_that_cannot_open_says_so() -> None:
    """The server is told, and the reason is kept for the one who started it."""

    class Broken:
        async def open(self) -> None:
            raise ConnectionError("no broker")

    service = Service("notes", Settings())
    service.add(Broken())
    life = Wire({"type": "lifespan.startup"})
    await life.call(WorkerApp(service), kind="lifespan")

    assert life.sent[0]["type"] == "lifespan.startup.failed"
    assert isinstance(service.lifecycle.failure, ConnectionError)
