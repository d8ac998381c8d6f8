"""The story of a call coming in, told over WSGI by one middleware."""

import io
import os
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import structlog

from fleetwright import _exposed, _logs, _telemetry
from fleetwright._body import check_json, is_json_type, too_long
from fleetwright._capture import WsgiCapture
from fleetwright._context import Call, degraded
from fleetwright._exposed import MEDIA_TYPE as METRICS_TYPE
from fleetwright._exposed import METRICS
from fleetwright._gauges import watch
from fleetwright._inbound import OVERLOADED, Inbound
from fleetwright._json import to_json
from fleetwright._portal import background, on_background_end, run_in_loop
from fleetwright._probes import PROBES, Probes
from fleetwright._problem import MEDIA_TYPE, Problem, phrase
from fleetwright._secrets import mask
from fleetwright._service import Service
from fleetwright._wsgi_bridge import TOLD, Told, WsgiApp
from fleetwright.errors import FleetwrightError

StartResponse = Callable[..., Callable[[bytes], object]]

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class FleetWsgi:
    """Stands outermost around a WSGI application.

    Under a WSGI server (gunicorn, werkzeug's) it tells the story itself, in the
    server's threads: the parts of the service open on a background event loop at the
    first request of a process and close when that ends. Under `fleetwright.serve` the
    story has been told before, and it only passes on.
    """

    def __init__(self, app: WsgiApp, service: Service, *, max_body_bytes: int) -> None:
        """Stand around an application.

        Args:
            app: The application.
            service: The service it is the API of.
            max_body_bytes: Longest body of a request; a longer one is refused.
        """
        self._max_body_bytes = max_body_bytes
        self._app = app
        self._told_here = WsgiCapture(app) if service.settings.capture_calls else app
        self._service = service
        self._inbound = Inbound(service)
        self._probes = Probes(service)
        self._turn = threading.Lock()
        self._opened_in: int | None = None

    def __call__(
        self, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer one request.

        Args:
            environ: What it is.
            start_response: Takes the head of the answer.

        Returns:
            What of the answer was not written yet.
        """
        if TOLD in environ:
            return self._app(environ, start_response)
        exchange = _WsgiExchange(self._told_here, environ, start_response)
        path = environ.get("PATH_INFO", "")
        opened = self._opened()
        if path in PROBES and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            status, document = run_in_loop(lambda: self._probes.answer(path))
            exchange.answer(status, to_json(document), "application/json", {})
        elif path == METRICS and _exposed.text is not None:
            exchange.answer(200, _exposed.text(), METRICS_TYPE, {})
        elif opened:
            self._tell(_headers(environ), exchange)
        else:
            exchange.answer(503, *_not_opened())
        return ()

    def _tell(
        self, headers: list[tuple[bytes, bytes]], exchange: "_WsgiExchange"
    ) -> None:
        """Tell the story, if there is a place for the call."""
        admission = self._service.admission
        if not admission.admit_headers(headers):
            exchange.answer(
                OVERLOADED.status, OVERLOADED.body(), MEDIA_TYPE, OVERLOADED.headers
            )
            return
        try:
            work = partial(exchange.run, self._max_body_bytes)
            self._inbound.tell_sync(headers, exchange, work)
        finally:
            admission.leave()

    def _opened(self) -> bool:
        """Open the parts, once in a process; tell whether they are open."""
        if self._opened_in == os.getpid():
            return True
        with self._turn:
            if self._opened_in == os.getpid():
                return True
            if _logs.lines() is None:
                service = self._service
                _logs.set_up(service.name, service.settings)
                version = service.version
                _telemetry.set_up(service.name, service.settings, version=version)
                watch(service)
            try:
                self._must_not_be_a_copy()
                run_in_loop(self._service.open, background())
            except Exception as error:  # the story of the start ends here
                _log.error("service.not_opened", exc_info=error)
                return False
            on_background_end(self._service.close)
            self._opened_in = os.getpid()
            _log.info("service.ready", pid=os.getpid())
            return True

    def _must_not_be_a_copy(self) -> None:
        """Refuse parts that a parent process has opened: a fork copies them broken."""
        if self._opened_in is not None:
            raise FleetwrightError(
                "the service was opened before this process was forked",
                where=self._service.name,
                hint="send no request to the application before the server forks",
            )


class _WsgiExchange:
    """One request: what goes in and out, and whether the client is there."""

    def __init__(
        self, app: WsgiApp, environ: dict[str, Any], start_response: StartResponse
    ) -> None:
        self._app = app
        self._environ = environ
        self._start_response = start_response
        self._told = environ[TOLD] = Told()
        self.status = 0
        self.cut = ""

    def run(self, max_body_bytes: int) -> None:
        """Run the application and write what it answers.

        Written and not returned: the story ends with the last piece, not before.

        Args:
            max_body_bytes: Longest body that is passed on.

        Raises:
            Problem: The body is longer, or no JSON that is safe to parse.
            Exception: What the application did not expect.
        """
        self._take_body(max_body_bytes)
        pieces = self._app(self._environ, self._start)
        try:
            for piece in pieces:
                if piece:
                    self._write(piece)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
        if self._told.failure is not None:
            raise self._told.failure

    def _take_body(self, max_body_bytes: int) -> None:
        """Refuse a body that is too long, or JSON that is not safe to parse.

        JSON is read before the application runs, and so is what has no known length:
        werkzeug would cut that off at its limit without a word.
        """
        environ = self._environ
        length = environ.get("CONTENT_LENGTH") or ""
        is_json = is_json_type(environ.get("CONTENT_TYPE", "").encode("latin-1"))
        most = max_body_bytes + 1
        if length.isdecimal():
            if int(length) > max_body_bytes:
                raise too_long(max_body_bytes)
            if not is_json:
                return
            most = int(length)
        elif not environ.get("wsgi.input_terminated"):
            return
        body = environ["wsgi.input"].read(most)
        if len(body) > max_body_bytes:
            raise too_long(max_body_bytes)
        if is_json:
            check_json(body)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        self.status = int(status[:3])
        lacks = degraded()
        if lacks:
            headers = [*headers, ("Fleet-Degraded", lacks)]
        write = self._start_response(status, headers, exc_info)
        self._writes = write
        return self._write

    def _write(self, piece: bytes) -> None:
        try:
            self._writes(piece)
        except OSError:
            self.cut = "gone"
            raise

    def refuse(self, problem: Problem, call: Call) -> None:
        """Answer with a problem, unless the answer has been started."""
        if not self.status:
            body = problem.body(call.trace_id)
            self.answer(problem.status, body, MEDIA_TYPE, problem.headers)

    def answer(
        self, status: int, body: bytes, content_type: str, headers: dict[str, str]
    ) -> None:
        """Send a whole answer; for HEAD only what would precede it."""
        fields = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        self._start(f"{status} {phrase(status)}", [*fields, *headers.items()])
        self._write(b"" if self._environ["REQUEST_METHOD"] == "HEAD" else body)

    def described(self) -> dict[str, Any]:
        """Return method and route; the path where no route matched."""
        route = self._told.path_format
        fields = {"method": self._environ["REQUEST_METHOD"], "route": route}
        if route is None:
            fields["path"] = mask(self._environ.get("PATH_INFO", "")[:200])
        return fields


def _headers(environ: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    """Return the headers of a request as ASGI has them."""
    return [
        (name[5:].lower().replace("_", "-").encode(), value.encode("latin-1"))
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]


def _not_opened() -> tuple[bytes, str, dict[str, str]]:
    problem = Problem(
        503,
        "Not serving",
        detail="A part of the service could not be opened.",
        kind="not_serving",
    )
    return problem.body(), MEDIA_TYPE, {"Retry-After": "1"}
