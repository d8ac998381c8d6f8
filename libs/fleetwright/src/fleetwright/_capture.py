"""Calls kept with their bodies, so that a developer may send them again."""

import json
from collections.abc import Mapping
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
            _write(scope, status, taken.facts(), given.facts())


def _write(
    scope: Any, status: int, taken: Mapping[str, Any], given: Mapping[str, Any]
) -> None:
    lines, call = _logs.lines(), current_call()
    if lines is None or call is None:
        return
    names = {bytes(name).lower() for name, _ in scope["headers"]}
    who = call.principal
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
        "method": scope["method"],
        "path": mask(scope["path"][:_LONGEST_PATH]),
        "query": mask(scope["query_string"].decode("latin-1")[:_LONGEST_PATH]),
        "once": b"idempotency-key" in names,
        "by": caller,
        "request": taken,
        "status": status,
        "answer": given,
    }
    lines.put("debug", "call.captured", fields)
