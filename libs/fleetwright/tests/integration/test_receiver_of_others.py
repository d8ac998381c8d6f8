"""A receiver that others wrote understands what a service sends, and passes it on.

Rotel takes OTLP, keeps it in its own structures and writes it anew: whatever it does
not understand is gone, and what the tests read are its words, not ours.
"""

import asyncio
import importlib.util
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog
from fastapi import FastAPI
from opentelemetry import metrics, trace
from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_WARN
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp_receiver import Receiver, attributes, receiving

from fleetwright import Service, Settings, _logs, _telemetry
from fleetwright._log_writer import LineWriter
from fleetwright._telemetry import _setup
from fleetwright.fastapi import mount
from fleetwright.testing import serving

SETTINGS = Settings(environment="test", auth="off")
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
DURATION = "http.server.request.duration"
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def program() -> Path:
    """Return the program of the receiver."""
    found = importlib.util.find_spec("rotel")
    if found is None or found.origin is None:
        reason = "rotel is not installed: its wheels are for Linux"
        if os.environ.get("FLEET_REQUIRE_SERVERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return Path(found.origin).with_name("rotel-agent")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Read what is passed on."""
    with receiving() as found:
        yield found


def free_port() -> int:
    """Return a port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Return whether somebody listens on a port."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(params=["gzip", "none"])
async def between(
    request: pytest.FixtureRequest,
    program: Path,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[str]:
    """Have a service send to the receiver of others, compressed or not; say which."""
    port = free_port()
    told = {
        "OTLP_HTTP_ENDPOINT": f"127.0.0.1:{port}",
        "OTLP_GRPC_ENDPOINT": f"127.0.0.1:{free_port()}",
        "EXPORTER": "otlp",
        "OTLP_EXPORTER_ENDPOINT": receiver.url,
        "OTLP_EXPORTER_PROTOCOL": "http",
        "BATCH_TIMEOUT": "50ms",
        "PID_FILE": str(tmp_path / "pid"),
        "LOG_FILE": str(tmp_path / "log"),
    }
    told = {f"ROTEL_{name}": value for name, value in told.items()}
    process = await asyncio.create_subprocess_exec(
        program, "start", env=os.environ | told
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not listens(port):
                assert process.returncode is None, "the receiver does not start"
                await asyncio.sleep(0.01)
        url = f"http://127.0.0.1:{port}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", request.param)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        with (tmp_path / "lines").open("wb") as file:
            _logs.set_up("shop", SETTINGS, writer=LineWriter(file.fileno()))
            _telemetry.set_up("shop", SETTINGS, version="7")
            yield request.param
    finally:
        _telemetry.tear_down()
        _logs.tear_down()
        process.kill()
        await process.wait()


def shop(kind: str) -> FastAPI:
    """Return a shop that measures, tells and fails; a process counts by its kind."""
    app = FastAPI()
    sold = metrics.get_meter("shop").create_counter(f"sold.{kind}", unit="{item}")

    @app.get(f"/{kind}/{{sku}}")
    async def sell(sku: str) -> str:
        with trace.get_tracer("shop").start_as_current_span("price") as price:
            price.set_attribute("pence", 339)
            price.set_attribute("tags", ["red", "blue"])
        structlog.get_logger("shop").warning("sale.odd", sku=sku, pence=339)
        sold.add(2, {"sku": sku})
        if sku == "gone":
            raise LookupError(sku)
        return sku

    return mount(app, Service("shop", SETTINGS))


@pytest.mark.usefixtures("logs_put_back")
async def test_all_three_signals_are_understood(
    receiver: Receiver, between: str
) -> None:
    """Spans with parents, kinds, lists and errors; lines with their trace; metrics."""
    route = f"/{between}/{{sku}}"
    async with serving(shop(between)) as client:
        for sku in ("tea", "gone"):
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            await client.get(f"/{between}/{sku}", headers=headers)
    telemetry = _setup.telemetry()
    assert telemetry is not None
    await asyncio.to_thread(telemetry.tell_metrics)

    def spans(name: str) -> list[Span]:
        return [span for span in receiver.spans if span.name == name]

    def has_come() -> bool:
        lines = [one for one in receiver.logs if one.body.string_value == "sale.odd"]
        told = {one.name for one in receiver.metrics}
        count = len(spans(f"GET {route}")), len(spans("price")), len(lines)
        return count == (2, 2, 2) and {f"sold.{between}", DURATION} <= told

    await receiver.until(has_come, PATIENCE_SECONDS)
    good, failed = sorted(
        spans(f"GET {route}"), key=lambda span: span.start_time_unix_nano
    )
    assert (good.trace_id.hex(), good.parent_span_id.hex()) == (TRACE, PARENT)
    assert good.kind == Span.SPAN_KIND_SERVER
    assert attributes(good)["http.route"] == route
    assert attributes(good)["http.response.status_code"] == 200
    assert failed.status.code == Status.STATUS_CODE_ERROR
    price = min(spans("price"), key=lambda span: span.start_time_unix_nano)
    assert price.parent_span_id == good.span_id
    assert attributes(price) == {"pence": 339, "tags": ["red", "blue"]}

    line = next(one for one in receiver.logs if one.body.string_value == "sale.odd")
    assert line.severity_number == SEVERITY_NUMBER_WARN
    assert (line.trace_id.hex(), line.span_id) == (TRACE, good.span_id)
    assert (attributes(line)["sku"], attributes(line)["pence"]) == ("tea", 339)

    by_name = {one.name: one for one in receiver.metrics}
    sold = {
        attributes(point)["sku"]: point.as_int
        for point in by_name[f"sold.{between}"].sum.data_points
    }
    assert sold == {"tea": 2, "gone": 2}
    statuses = {
        attributes(point)["http.response.status_code"]: point
        for point in by_name[DURATION].histogram.data_points
        if attributes(point).get("http.route") == route
    }
    assert {status: point.count for status, point in statuses.items()} == {
        200: 1,
        500: 1,
    }
    assert statuses[200].exemplars[0].span_id == good.span_id


@pytest.mark.usefixtures("between")
async def test_who_speaks_is_understood(receiver: Receiver) -> None:
    """The resource names the service and its version."""
    with trace.get_tracer("shop").start_as_current_span("alone"):
        pass

    await receiver.until(lambda: receiver.spans, PATIENCE_SECONDS)
    (request,) = receiver.requests
    (resource,) = request.resource_spans
    said = attributes(resource.resource)
    assert (said["service.name"], said["service.version"]) == ("shop", "7")
