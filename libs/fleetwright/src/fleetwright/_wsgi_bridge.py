"""A WSGI application behind ASGI: bodies on the loop, handlers in bounded threads."""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

import structlog

from fleetwright._deadline import end_deadline
from fleetwright._threads import Threads
from fleetwright.errors import Unavailable

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]

TOLD: Final = "fleetwright.told"
_HELD_BYTES = 64 * 1024  # an answer of known length up to this goes out in one piece
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class Told:
    """What the application says about a request while it answers it.

    Attributes:
        path_format: The rule that matched; None while none has.
        failure: What it did not expect and answered with a 500.
    """

    __slots__ = ("failure", "path_format")

    def __init__(self) -> None:
        """Know nothing yet."""
        self.path_format: str | None = None
        self.failure: BaseException | None = None


class ClientGoneError(OSError):
    """Nobody reads the answer any more."""


class WsgiBridge:
    """An ASGI application that has a WSGI application answer, in threads.

    A body is read to its end before a thread is taken: no thread waits for a slow
    client. An answer of unknown length is sent piece by piece, each when the client
    has taken the one before.
    """

    def __init__(self, app: WsgiApp, threads: Threads, *, max_body_bytes: int) -> None:
        """Stand before an application.

        Args:
            app: The WSGI application.
            threads: Where it runs.
            max_body_bytes: Longest body of a request; a longer one is refused.
        """
        self._app = app
        self._threads = threads
        self._max_body_bytes = max_body_bytes

    async def __call__(
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        """Answer one request.

        Args:
            scope: What it is.
            receive: Its incoming messages.
            send: Its outgoing messages.

        Raises:
            Exception: What the application did not expect; it is answered already.
        """
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        body = await self._body(scope, receive)
        told = scope["route"] = Told()
        run = _Run(self._app, environ_of(scope, body, told), send)
        try:
            rest = await self._threads.run(run.play)
        except asyncio.CancelledError:
            run.abandon()
            raise
        await _send_all(send, rest)
        if told.failure is not None:
            raise told.failure

    async def _body(self, scope: MutableMapping[str, Any], receive: Receive) -> bytes:
        """Return the whole body; the middleware around us refuses one too long."""
        scope["starlette.max_body_size"] = self._max_body_bytes
        pieces: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError("the client left before the end of its body")
            pieces.append(message.get("body", b""))
            if not message.get("more_body", False):
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _send_all(send: Send, messages: Iterable[Message]) -> None:
    for message in messages:
        await send(message)


class _Run:
    """One request being answered: what the thread and the loop share."""

    def __init__(self, app: WsgiApp, environ: dict[str, Any], send: Send) -> None:
        self._app = app
        self._environ = environ
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._head: Message | None = None
        self._has_begun = False
        self._holds = False
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._is_abandoned = False
        self._sending: Any = None

    def abandon(self) -> None:
        """Let the time be over for the thread, which nobody can stop."""
        self._is_abandoned = True
        end_deadline()
        if self._sending is not None:
            self._sending.cancel()

    # -- in the thread

    def play(self) -> list[Message]:
        """Run the application; return what of its answer is still to be sent."""
        told: Told = self._environ[TOLD]
        try:
            pieces = self._app(self._environ, self._start)
            try:
                for piece in pieces:
                    if piece:
                        self._write(piece)
            finally:
                close = getattr(pieces, "close", None)
                if close is not None:
                    close()
        except ClientGoneError:
            return []
        except Exception as error:
            if not self._is_abandoned:
                raise
            told.failure = error
        failure = told.failure
        if self._is_abandoned and not isinstance(failure, Unavailable | None):
            _log.error("call.failed", exc_info=failure, route=told.path_format)
        return self._messages(more=False)

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """Take the head of the answer; the `start_response` of WSGI."""
        if exc_info is not None and self._has_begun:
            raise exc_info[1]
        encoded, length = [], None
        for name, value in headers:
            encoded.append((name.lower().encode("latin-1"), value.encode("latin-1")))
            if encoded[-1][0] == b"content-length":
                length = int(value)
        self._holds = length is not None and length <= _HELD_BYTES
        code = int(status[:3])
        self._head = {
            "type": "http.response.start",
            "status": code,
            "headers": encoded,
        }
        return self._write

    def _write(self, piece: bytes) -> None:
        """Take a piece of the answer; wait until the client has, where it is long."""
        self._held.append(piece)
        self._held_bytes += len(piece)
        if self._holds and self._held_bytes <= _HELD_BYTES:
            return
        if self._is_abandoned:
            raise ClientGoneError("nobody reads the answer any more")
        sending = _send_all(self._send, self._messages(more=True))
        self._sending = asyncio.run_coroutine_threadsafe(sending, self._loop)
        try:
            self._sending.result()
        except BaseException:
            if self._is_abandoned:
                raise ClientGoneError("the client left within the answer") from None
            raise
        finally:
            self._sending = None

    def _messages(self, *, more: bool) -> list[Message]:
        """Return what is held as messages, the head before the first of them."""
        messages: list[Message] = []
        if not self._has_begun:
            if self._head is None:
                raise RuntimeError("the application returned without start_response()")
            messages.append(self._head)
            self._has_begun = True
        body = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held, self._held_bytes = [], 0
        messages.append({"type": "http.response.body", "body": body, "more_body": more})
        return messages


def environ_of(
    scope: MutableMapping[str, Any], body: bytes, told: Told
) -> dict[str, Any]:
    """Return a request as WSGI describes it (PEP 3333).

    Args:
        scope: What it is, as ASGI describes it.
        body: All of its body.
        told: Where the application says what it knows about it.

    Returns:
        The `environ`. Header names with an underscore are left out: they could be
        taken for others.
    """
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", "").encode().decode("latin-1"),
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        TOLD: told,
    }
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1")
        if "_" in name:
            continue
        key = f"HTTP_{name.upper().replace('-', '_')}"
        text = value.decode("latin-1")
        if key in environ:
            text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
        environ[key] = text
    content_type = environ.pop("HTTP_CONTENT_TYPE", None)
    if content_type is not None:
        environ["CONTENT_TYPE"] = content_type
    announced = environ.pop("HTTP_CONTENT_LENGTH", None)
    if announced is not None or body:
        environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)  # the body is whole
    return environ
