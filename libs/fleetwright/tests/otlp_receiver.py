"""A receiver of OTLP that reads what comes with OpenTelemetry's own messages."""

import asyncio
import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

MESSAGES: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}


class Receiver:
    """What came in, kept.

    Attributes:
        url: The endpoint.
        requests: The messages, in the order they came.
        headers: The headers of each request.
        statuses: What is answered next; 200 when there is nothing left.
    """

    def __init__(self, port: int) -> None:
        """Begin with nothing."""
        self.url = f"http://127.0.0.1:{port}"
        self.requests: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.statuses: list[int] = []
        self._news = threading.Condition()

    def took(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Keep one request, and return the status of the answer."""
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        with self._news:
            self.headers.append(headers)
            status = self.statuses.pop(0) if self.statuses else 200
            if status == 200:
                self.requests.append(MESSAGES[path].FromString(body))
            self._news.notify_all()
        return status

    @property
    def spans(self) -> list[Span]:
        """All spans that came."""
        return [
            span
            for request in self.requests
            if isinstance(request, ExportTraceServiceRequest)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def spans_by_service(self) -> list[tuple[str, Span]]:
        """All spans that came, with the name of the service that sent them."""
        return [
            (str(attributes(resource.resource)["service.name"]), span)
            for request in self.requests
            if isinstance(request, ExportTraceServiceRequest)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def metrics(self) -> list[Metric]:
        """All metrics that came."""
        return [
            metric
            for request in self.requests
            if isinstance(request, ExportMetricsServiceRequest)
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]

    @property
    def logs(self) -> list[LogRecord]:
        """All log records that came."""
        return [
            record
            for request in self.requests
            if isinstance(request, ExportLogsServiceRequest)
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    async def until(self, is_true: Callable[[], Any], seconds: float = 10) -> None:
        """Wait until what came is as wanted; the loop goes on meanwhile."""

        def wait() -> bool:
            with self._news:
                return bool(self._news.wait_for(is_true, seconds))

        names = [span.name for span in self.spans]
        assert await asyncio.to_thread(wait), names


def attributes(told: Any) -> dict[str, Any]:
    """Return the attributes of a span, a resource, a point or a record."""
    return {pair.key: value_of(pair.value) for pair in told.attributes}


def value_of(value: AnyValue) -> Any:
    """Return an `AnyValue` as Python has it."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return {one.key: value_of(one.value) for one in value.kvlist_value.values}
    return getattr(value, kind) if kind else None


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Receive OTLP on a port of its own in the block."""

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            named = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(receiver.took(self.path, named, body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    receiver = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
