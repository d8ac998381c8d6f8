"""Calls kept with their bodies, so that a developer may send them again."""

import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from fleetwright import _logs
from fleetwright._context import current_call
from fleetwright._secrets import mask
from fleetwright._settings import Settings
from fleetwright.errors import SettingsError

MOST_BYTES: Final = 4 * 1024  # of each body; what is longer is said to be, and not kept
_LONGEST_PATH = 500


def refuse_production(settings: Settings) -> None:
    """Refuse to keep calls where they are those of customers.

    Args:
        settings: What the service read from its environment.

    Raises:
        SettingsError: The service runs in production.
    """
    if settings.environment == "production":
        raise SettingsError(
            "CAPTURE_CALLS=true would write the bodies of calls to the log",
            where=f"read by {type(settings).__name__}.capture_calls",
            hint="unset CAPTURE_CALLS, or set ENVIRONMENT=development",
        )


class _Body:
    """The bytes of one body as they pass, up to a limit."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._size = 0

    def add(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size <= MOST_BYTES:
            self._bytes += chunk

    def facts(self) -> dict[str, Any]:
        """Return the JSON that it is; what it is where it is something else."""
        if not self._size:
            return {}
        if self._size > MOST_BYTES:
            return {"left_out": f"{self._size} bytes"}
        try:
            return {"json": json.loads(self._bytes)}
        except (ValueError, RecursionError):
            return {"left_out": "no JSON"}


class Capture:
    """Stands around an application, and writes each call as one line, `call.captured`.

    Secrets are masked as in every line, and it is at the level DEBUG, whatever level is
    written otherwise: whoever captures asked for it.
    """

    def __init__(self, app: Any) -> None:
        """Stand around an application.

        Args:
            app: The application, behind what guards it.
        """
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass everything on, and write it down at the end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        taken, given = _Body(), _Body()
        status = 0

        async def received() -> Any:
            message = await receive()
            if message["type"] == "http.request":
                taken.add(message.get("body", b""))
            return message

        async def sent(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                given.add(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, received, sent)
        finally:
            names = {bytes(name).lower() for name, _ in scope["headers"]}
            write(
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"].decode("latin-1"),
                once=b"idempotency-key" in names,
                request=taken.facts(),
                status=status,
                answer=given.facts(),
            )


class WsgiCapture:
    """The same around an application that a WSGI server of somebody else's runs."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        """Stand around an application.

        Args:
            app: The application, behind what guards it.
        """
        self._app = app

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterator[bytes]:
        """Pass everything on, and write it down at the end."""
        given = _Body()
        status = 0

        def started(line: str, headers: Any, exc_info: Any = None) -> Any:
            nonlocal status
            status = int(line[:3])
            passed_on = start_response(line, headers, exc_info)

            def written(piece: bytes) -> object:
                given.add(piece)
                return passed_on(piece)

            return written

        taken = _sent(environ)
        try:
            pieces = self._app(environ, started)
            try:
                for piece in pieces:
                    given.add(piece)
                    yield piece
            finally:
                close = getattr(pieces, "close", None)
                if close is not None:
                    close()
        finally:
            write(
                method=environ["REQUEST_METHOD"],
                path=environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8"),
                query=environ.get("QUERY_STRING", ""),
                once="HTTP_IDEMPOTENCY_KEY" in environ,
                request=taken,
                status=status,
                answer=given.facts(),
            )


def _sent(environ: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON that was sent: it has been read, what is none has not."""
    stream = environ["wsgi.input"]
    if isinstance(stream, io.BytesIO):
        body = _Body()
        body.add(stream.getvalue())
        return body.facts()
    is_empty = environ.get("CONTENT_LENGTH") in (None, "", "0")
    return {} if is_empty else {"left_out": "no JSON"}


def write(
    *,
    method: str,
    path: str,
    query: str,
    once: bool,
    request: dict[str, Any],
    status: int,
    answer: dict[str, Any],
) -> None:
    """Write a call as one line, with who makes it.

    Args:
        method: Of HTTP; `GRPC` for a call over gRPC.
        path: With the values in it.
        query: What follows the question mark.
        once: Whether it has a key of idempotency.
        request: `json`, the body; or `left_out`, why it is not there.
        status: Of the answer; 0 where there is none.
        answer: Its body, likewise.
    """
    lines, call = _logs.lines(), current_call()
    if lines is None:
        return
    who = None if call is None else call.principal
    caller = (
        {}
        if who is None
        else {
            "subject": who.subject,
            "scopes": sorted(who.scopes),
            "roles": sorted(who.roles),
        }
    )
    fields = {
        "method": method,
        "path": mask(path[:_LONGEST_PATH]),
        "query": mask(query[:_LONGEST_PATH]),
        "once": once,
        "by": caller,
        "request": request,
        "status": status,
        "answer": answer,
    }
    lines.put("debug", "call.captured", fields)
