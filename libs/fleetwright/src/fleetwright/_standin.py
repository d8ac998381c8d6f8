"""Who answers while the event loop is blocked: alive, not ready, come again later."""

import contextlib
import select
import socket
import time
from http import HTTPStatus
from typing import Any, Final

from fleetwright._json import to_json

_CONNECTION_SECONDS: Final = 0.5  # in all: one at a time is answered
_READ_BYTES: Final = 4096


class StandIn:
    """Answers new connections in place of a blocked event loop, from another thread.

    Takes them from the same listening socket, so whoever probes the service needs no
    other address. `/livez` says that the process is alive until it has been blocked
    too long, `/readyz` that it is not ready; everything else is told that nothing was
    done and to come again. Connections that were open before cannot be answered.
    """

    def __init__(
        self, listening: socket.socket, *, service: str, alive_seconds: float
    ) -> None:
        """Stand beside a listening socket.

        Args:
            listening: It; non-blocking, and closed by its owner.
            service: The name of the service.
            alive_seconds: How long it may be blocked and still be called alive.
        """
        self._listening = listening
        self._service = service
        self._alive_seconds = alive_seconds

    def answer(self, seconds: float, blocked_since: float) -> None:
        """Answer whoever connects, for a while.

        Args:
            seconds: How long.
            blocked_since: When the loop turned last, by `time.monotonic()`.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                if not select.select([self._listening], [], [], left)[0]:
                    return
                connection, _ = self._listening.accept()
            except BlockingIOError:
                continue  # the loop was faster: it turns again
            except (OSError, ValueError):
                return  # closed: the service stops
            with connection, contextlib.suppress(OSError):
                self._reply(connection, time.monotonic() - blocked_since)

    def _reply(self, connection: socket.socket, blocked_seconds: float) -> None:
        until = time.monotonic() + _CONNECTION_SECONDS
        head = b""
        while b"\r\n\r\n" not in head and len(head) < _READ_BYTES:
            left = until - time.monotonic()
            if left <= 0:
                return
            connection.settimeout(left)
            piece = connection.recv(_READ_BYTES)
            if not piece:
                return
            head += piece
        path = head.partition(b" ")[2].partition(b" ")[0]
        connection.sendall(self._answer(path, blocked_seconds))
        connection.shutdown(socket.SHUT_WR)

    def _answer(self, path: bytes, blocked_seconds: float) -> bytes:
        blocked = {"blocked_seconds": round(blocked_seconds, 1)}
        named: dict[str, Any] = {"service": self._service}
        if path == b"/livez":
            alive = blocked_seconds < self._alive_seconds
            return _http(200 if alive else 503, named | {"alive": alive} | blocked)
        if path == b"/readyz":
            down = {"ready": False, "status": "down", "state": "blocked"}
            return _http(503, named | down | blocked)
        problem = {
            "type": "about:blank",
            "title": "Busy",
            "status": 503,
            "detail": "Nothing was done. Call again a little later.",
            "kind": "blocked",
        }
        kind = "application/problem+json"
        return _http(
            503, problem, "Retry-After: 1", "Fleet-Not-Processed: 1", kind=kind
        )


def _http(
    status: int,
    document: dict[str, Any],
    *headers: str,
    kind: str = "application/json",
) -> bytes:
    body = to_json(document)
    lines = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        *headers,
        "Connection: close",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
