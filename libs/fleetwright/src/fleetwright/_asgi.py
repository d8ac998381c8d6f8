"""The story of a call coming in, told over ASGI by one middleware."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fleetwright import _exposed
from fleetwright._asgi_answers import (
    PROBLEM_HEADERS,
    answer,
    guarded,
    nowhere,
    turn_away,
)
from fleetwright._body import Incoming, check_json, too_long
from fleetwright._capture import Capture
from fleetwright._context import Call, _lacking, current_call, degraded
from fleetwright._deadline import lift_deadline
from fleetwright._exposed import MEDIA_TYPE, METRICS
from fleetwright._inbound import FILLED_UP, Inbound
from fleetwright._json import to_json
from fleetwright._probes import PROBES, Probes
from fleetwright._problem import Problem
from fleetwright._secrets import mask
from fleetwright._service import Service

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_SWEEP_SECONDS = 0.05  # most answers are out by then and need no watching
_MAX_BODY_SIZE = "starlette.max_body_size"  # where FastAPI keeps a route's own


class FleetMiddleware:
    """Stands outermost around an ASGI application.

    Probes are answered before anything else, so that they never wait behind the
    application. Every other request needs a place: without one it is turned away at
    once, with one it is told to `Inbound`.
    """

    def __init__(self, app: App, service: Service) -> None:
        """Stand around an application.

        Args:
            app: The application.
            service: The service it is the API of.
        """
        self._app = Capture(app) if service.settings.capture_calls else app
        self._service = service
        self._inbound = Inbound(service)
        self._admission = service.admission
        self._probes = Probes(service)
        self._live: set[_AsgiExchange] = set()
        self._sweeping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection.

        Args:
            scope: What it is.
            receive: Its incoming messages.
            send: Its outgoing messages.
        """
        scope["fleetwright"] = self._service
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] in PROBES and scope["method"] in ("GET", "HEAD"):
            status, document = await self._probes.answer(scope["path"])
            await answer(send, status, to_json(document), head=scope["method"])
            return
        if scope["path"] == METRICS and await self._shown_metrics(scope, send):
            return
        if not self._admission.admit_headers(scope["headers"]):
            await turn_away(send, scope["method"])
            return
        exchange = _AsgiExchange(self._app, scope, receive, send, self._service)
        self._live.add(exchange)
        if not self._sweeping:
            self._sweep_later()
        try:
            await self._inbound.tell(scope["headers"], exchange, exchange.run)
        finally:
            self._live.discard(exchange)
            exchange.leave()

    async def _shown_metrics(self, scope: Scope, send: Send) -> bool:
        """Answer with the metrics, unless the path is the application's."""
        if _exposed.text is None or scope["method"] not in ("GET", "HEAD"):
            return False
        kind = [(b"content-type", MEDIA_TYPE.encode())]
        await answer(send, 200, _exposed.text(), head=scope["method"], headers=kind)
        return True

    def _sweep_later(self) -> None:
        self._sweeping = True
        asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Have requests that take long watched; one timer for all, none when idle."""
        self._sweeping = False
        for exchange in self._live:
            exchange.watch()
        if self._live:
            self._sweep_later()


class _AsgiExchange:
    """One request: what goes in and out, and who is still listening."""

    __slots__ = (
        "_app",
        "_body",
        "_early",
        "_forget",
        "_handed",
        "_has_place",
        "_lent",
        "_no",
        "_receive",
        "_receiving",
        "_scope",
        "_send",
        "_service",
        "_swept",
        "_task",
        "_watcher",
        "_whole",
        "complete",
        "cut",
        "status",
    )

    def __init__(
        self, app: App, scope: Scope, receive: Receive, send: Send, service: Service
    ) -> None:
        self._app = app
        self._scope = scope
        self._receive = receive
        self._send = send
        self._service = service
        self.status = 0
        self.cut = ""
        self.complete = False
        self._receiving = False
        self._early: list[Message] = []
        self._body: Incoming | None = None
        self._no: Problem | None = None
        self._forget: Callable[[], None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._swept = False
        self._has_place = True
        self._lent = False
        self._whole = self._handed = False
        self._task = asyncio.current_task()

    async def run(self) -> None:
        """Run the application."""
        await self._app(self._scope, self.receive, self.send)

    def leave(self) -> None:
        """Give the place back and stop watching; the request is over."""
        if self._has_place:
            self._service.admission.leave()
        if self._watcher is not None:
            self._watcher.cancel()
        if self._forget is not None:
            self._forget()
        # Its traceback holds what was read of the body, and us: a cycle of a megabyte.
        self._no = None

    # -- what goes out

    async def send(self, message: Message) -> None:
        """Pass a message on, noting what the application answers."""
        kind = message["type"]
        if kind == "http.response.start":
            if message["status"] >= 400 and await self._said_no(message["status"]):
                return
            self.status = message["status"]
            for name, value in message.get("headers", ()):
                if name == b"content-type":
                    if value.startswith(b"text/event-stream"):
                        self._becomes_stream()
                    elif value.startswith(b"text/html"):
                        message = guarded(message)
            if _lacking and (lacks := degraded()):
                field = (b"fleet-degraded", lacks.encode())
                message["headers"] = [*message.get("headers", ()), field]
        elif kind == "http.response.body" and not message.get("more_body", False):
            self.complete = True
            lift_deadline()  # background tasks: nobody waits for them
        await self._send(message)

    async def _said_no(self, status: int) -> bool:
        """Answer with our own refusal: it says more than what was made of it."""
        if status == 413 and _MAX_BODY_SIZE in self._scope:  # FastAPI's own, in plain
            self._no = self._no or too_long(self._scope[_MAX_BODY_SIZE])
        call = current_call()
        if self._no is None or call is None:
            return False
        await self.refuse(self._no, call)
        self._send = nowhere
        return True

    def _becomes_stream(self) -> None:
        """Go on without a deadline, until the client or the service ends the stream.

        A stream mostly waits, so it gives back its place for a call in flight: what
        bounds streams is the number of connections.
        """
        lift_deadline()
        if self._has_place:
            self._has_place = False
            self._service.admission.leave()
        self._forget = self._service.lifecycle.on_stopping(self._end_stream)

    def _end_stream(self) -> None:
        self._cancel("ended")

    async def end(self) -> None:
        """End a streamed answer."""
        if self.status and not self.complete:
            self.complete = True
            await self._send({"type": "http.response.body", "body": b""})

    async def refuse(self, problem: Problem, call: Call) -> None:
        """Answer with a problem, unless the answer has been started."""
        if self.status:
            return  # too late for words: the server closes the connection
        self.status = problem.status
        self.complete = True
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in problem.headers.items()
        ]
        body = problem.body(call.trace_id)
        head = self._scope["method"]
        await answer(
            self._send,
            problem.status,
            body,
            head=head,
            headers=PROBLEM_HEADERS + headers,
        )

    # -- what comes in, and whether the client is still there

    async def receive(self) -> Message:
        """Return the next message of the client, if it may be read.

        JSON comes in one piece, because it is checked as a whole.

        Raises:
            Problem: The body is too long, or no JSON that is safe to parse.
        """
        if self._body is None:
            self._body = Incoming(self._scope["headers"])
            if self._body.length == 0:
                return await self._next()
        try:
            message = await self._take()
            if self._body.is_json and message["type"] == "http.request":
                pieces = [message["body"]]
                while message.get("more_body", False):
                    message = await self._take()
                    if message["type"] != "http.request":
                        return message
                    pieces.append(message["body"])
                message = {"type": "http.request", "body": b"".join(pieces)}
                check_json(message["body"])
        except Problem as problem:
            self._no = problem
            raise
        self._handed = True
        return message

    async def _take(self) -> Message:
        """Return the next message, unless the body gets too long."""
        most = self._scope.get(_MAX_BODY_SIZE, self._service.settings.max_body_bytes)
        body = self._body
        if body is not None:
            body.take(b"", most)  # before the client is told to go on
        message = await self._next()
        if body is not None and message["type"] == "http.request":
            message.setdefault("body", b"")
            body.take(message["body"], most)
        return message

    async def _next(self) -> Message:
        if self._watcher is not None and not self._watcher.done():
            self._watcher.cancel()
            await asyncio.wait((self._watcher,))
            self._watcher = None
        if self._early:
            message = self._early.pop(0)
        else:
            self._receiving = True
            try:
                message = await self._receive()
            finally:
                self._receiving = False
            if message["type"] == "http.disconnect":
                if not self.complete:
                    self.cut = self.cut or "gone"
            else:
                self._whole = not message.get("more_body", False)
        if self._lent and self._whole and message["type"] == "http.request":
            self._take_place_back()
        return message

    def _lend_place(self) -> None:
        """Let others have the place until the client has sent its whole body.

        Otherwise a few clients that send slowly would shut out everybody.
        """
        if self._has_place:
            self._has_place, self._lent = False, True
            self._service.admission.leave()

    def _take_place_back(self) -> None:
        """Go on with a place; who has begun to read gets one though there is none.

        Raises:
            Problem: There is no place. Of what was done nothing is claimed: a handler
                may have begun before it read its body.
        """
        admission = self._service.admission
        self._lent = False
        if self._handed:
            admission.go_on()
        elif not admission.admit_headers(self._scope["headers"]):
            raise FILLED_UP.with_traceback(None)
        self._has_place = True

    def watch(self) -> None:
        """Listen for the client hanging up, from the second sweep on."""
        if self._receiving:
            if not self._whole:
                self._lend_place()
        elif not self._swept:
            self._swept = True
        elif self._watcher is None:
            # Where the application listens itself just now, it will hear.
            self._watcher = asyncio.create_task(self._until_gone())

    async def _until_gone(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                break
            self._early.append(message)
            self._whole = not message.get("more_body", False)
            if not self._whole:
                return  # an upload nobody reads yet: leave the rest to back pressure
        self._early.append(message)
        if not self.complete:
            self._cancel("gone")

    def _cancel(self, why: str) -> None:
        if not self.cut and self._task is not None:
            self.cut = why
            self._task.cancel()

    def described(self) -> dict[str, Any]:
        """Return method and route; the path where no route matched."""
        scope = self._scope
        context = scope.get("fastapi", {}).get("effective_route_context")
        route = getattr(context or scope.get("route"), "path_format", None)
        fields = {"method": scope["method"], "route": route}
        if route is None:
            fields["path"] = mask(scope["path"][:200])
        return fields
