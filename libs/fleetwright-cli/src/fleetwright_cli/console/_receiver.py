"""Takes OTLP over HTTP: traces, logs and metrics, as protobuf."""

import zlib
from collections.abc import Callable, Sequence

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fleetwright_cli.console import _otlp
from fleetwright_cli.console._rows import Row
from fleetwright_cli.console._store import Store

MOST_BYTES = 4 * 1024 * 1024
MOST_UNPACKED = 16 * 1024 * 1024
PROTOBUF = "application/x-protobuf"


class RefusedError(Exception):
    """A body that is not taken, with the status that says why."""

    def __init__(self, status: int, words: str) -> None:
        """Keep both.

        Args:
            status: Of the answer.
            words: Of the answer.
        """
        super().__init__(words)
        self.status = status


def routes(store: Store) -> list[Route]:
    """Return the three places where telemetry is taken.

    Args:
        store: Where it is kept.
    """
    readers: dict[str, Callable[[bytes], Sequence[Row]]] = {
        "traces": _otlp.spans,
        "logs": _otlp.logs,
        "metrics": _otlp.points,
    }

    def taking(path: str, read: Callable[[bytes], Sequence[Row]]) -> Route:
        async def take(request: Request) -> Response:
            try:
                rows = read(await _body(request))
            except RefusedError as refused:
                return PlainTextResponse(str(refused), refused.status)
            except _otlp.BrokenError as broken:
                return PlainTextResponse(str(broken), 400)
            except ClientDisconnect:
                return Response(status_code=400)
            if not store.put(rows):
                return Response(status_code=503, headers={"retry-after": "1"})
            return Response(b"", media_type=PROTOBUF)

        return Route(path, take, methods=["POST"])

    return [taking(f"/v1/{name}", read) for name, read in readers.items()]


async def _body(request: Request) -> bytes:
    """Return a call's body, unpacked and of bounded size.

    Raises:
        RefusedError: It is too large, of another kind, or cannot be unpacked.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != PROTOBUF:
        raise RefusedError(415, f"send {PROTOBUF}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise RefusedError(413, "the body is too large")
    coding = request.headers.get("content-encoding", "identity")
    if coding == "identity":
        return bytes(body)
    if coding != "gzip":
        raise RefusedError(415, "send it as it is, or with gzip")
    return _unpacked(bytes(body))


def _unpacked(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        found = unpacker.decompress(body, MOST_UNPACKED)
    except zlib.error as error:
        raise RefusedError(400, "the body is not gzip") from error
    if unpacker.unconsumed_tail:
        raise RefusedError(413, "the body is too large when unpacked")
    if not unpacker.eof:
        raise RefusedError(400, "the body ends too early")
    return found
