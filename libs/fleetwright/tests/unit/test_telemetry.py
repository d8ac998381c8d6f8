"""Which spans are kept, which are forgotten, and what becomes of them on the way."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from typing import Any

import pytest
import structlog
from opentelemetry import trace
from otlp_receiver import Receiver, attributes, receiving

from fleetwright import Settings, _logs, _spans, _telemetry
from fleetwright._answered import answer_of
from fleetwright._context import bind, new_call
from fleetwright._log_writer import LineWriter
from fleetwright._telemetry import _setup
from fleetwright._telemetry._batches import Batches, Limits
from fleetwright._telemetry._environment import Environment, Target
from fleetwright._telemetry._sampling import sampler_of
from fleetwright._telemetry._sending import Sending

SETTINGS = Settings(environment="test", auth="off")
TARGET = Target("http://127.0.0.1:9", {}, 10.0, gzip=False, certificate="")
NOT_DRAWN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Return a receiver that the environment names."""
    with receiving() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        yield found
        _telemetry.tear_down()


def answer(status: int = 200, *, traceparent: str = NOT_DRAWN) -> None:
    """Tell the spans of a call and of something within it."""
    assert _spans.tracer is not None
    call = new_call("shop", traceparent=traceparent)
    entry = _spans.tracer.enter(call, "call", _spans.SERVER)
    with trace.get_tracer("users").start_as_current_span("within"):
        pass
    said = {"method": "GET", "route": "/"}
    entry.answered(answer_of(said, (status, "answered", None, None, None)))


def names(receiver: Receiver) -> list[str]:
    """Return the names of all spans, sent by now."""
    _telemetry.tear_down()
    return [span.name for span in receiver.spans]


def test_a_trace_that_was_not_drawn_is_forgotten(receiver: Receiver) -> None:
    """Nothing of a call that went well and was quick is sent."""
    _telemetry.set_up("shop", SETTINGS)

    answer()

    assert names(receiver) == []


def test_a_call_that_fails_is_kept_whole(receiver: Receiver) -> None:
    """Its spans are sent although its trace was not drawn."""
    _telemetry.set_up("shop", SETTINGS)

    answer(500)

    assert names(receiver) == ["within", "GET /"]


def test_a_slow_call_is_kept_whole(receiver: Receiver) -> None:
    """So it is when it took as long as the setting says."""
    slow = Settings(environment="test", auth="off", trace_slow_seconds=1e-6)
    _telemetry.set_up("shop", slow)

    answer()

    assert names(receiver) == ["within", "GET /"]


def test_neither_is_kept_when_that_is_switched_off(receiver: Receiver) -> None:
    """With 0 seconds the sampler alone decides, and nothing is recorded for it."""
    off = Settings(environment="test", auth="off", trace_slow_seconds=0)
    _telemetry.set_up("shop", off)

    answer(500)

    assert names(receiver) == []


def test_a_user_s_trace_goes_on_with_the_sampler_s_word(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trace that begins here is not drawn where none is."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    _telemetry.set_up("shop", SETTINGS)

    assert new_call("shop").traceparent.endswith("-02")
    assert new_call("shop", traceparent=NOT_DRAWN[:-1] + "3").sampled


def test_the_share_of_traces_is_drawn_by_their_ids() -> None:
    """A tenth is a tenth, and the same tenth in each process."""
    said = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}
    sampler = sampler_of(Environment(said))
    calls = [new_call("shop") for _ in range(4000)]

    drawn = sum(sampler(call.trace_id, True) for call in calls)

    assert 300 < drawn < 500
    assert sampler("f" * 16 + "0" * 16, None)
    assert not sampler("0" * 16 + "f" * 16, None)


def test_what_comes_while_the_queue_is_full_is_dropped_and_counted() -> None:
    """The receiver is away: what waits is bounded, and putting in never waits."""
    target = Environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}).target(
        "traces"
    )
    assert target is not None
    held = Signal()

    def join(batch: Any) -> bytes:
        held.wait()
        return b""

    batches: Batches[int, int] = Batches(
        "spans", abs, join, Sending("spans", target), Limits(4, 2)
    )
    for number in range(9):
        batches.put(number)
    held.set()
    batches.close(5)

    assert batches.dropped == 9


def test_a_batch_that_cannot_be_sent_costs_itself_alone() -> None:
    """What fails in the thread is counted and told; the next batch goes out."""
    joined: list[list[int]] = []
    sent = Signal()

    def join(batch: Any) -> bytes:
        joined.append(list(batch))
        if 13 in batch:
            raise ValueError("of bad omen")
        sent.set()
        return b""

    class Taking(Sending):
        def send(self, body: bytes, stopping: Signal) -> bool:
            return True

    batches: Batches[int, int] = Batches(
        "spans", abs, join, Taking("spans", TARGET), Limits(8, 1)
    )
    with structlog.testing.capture_logs() as logged:
        batches.put(13)
        batches.put(1)
        assert sent.wait(60)
        batches.close(60)

    assert joined == [[13], [1]]
    assert batches.dropped == 1
    assert [line["event"] for line in logged][:1] == ["telemetry.failed"]


def test_connection_that_the_receiver_closed_costs_no_batch() -> None:
    """Also at the end of a process, when there is no time for a second try."""
    bodies: list[bytes] = []

    class Brief(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # whoever asks thinks that the connection stays

        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    stopping = Signal()
    stopping.set()
    with HTTPServer(("127.0.0.1", 0), Brief) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/v1/traces"
        sending = Sending("spans", replace(TARGET, url=url))
        taken = [sending.send(body, stopping) for body in (b"one", b"two", b"three")]
        sending.close()
        server.shutdown()
        thread.join()

    assert taken == [True, True, True]
    assert bodies == [b"one", b"two", b"three"]


def test_a_batch_is_sent_again_where_the_receiver_is_busy(receiver: Receiver) -> None:
    """503 is for now; the spans come with the second try."""
    receiver.statuses[:] = [503]
    _telemetry.set_up("shop", SETTINGS)
    answer(500)

    told = _setup.telemetry()
    assert told is not None
    assert told.spans is not None
    told.spans.flush()

    assert [span.name for span in receiver.spans] == ["within", "GET /"]
    assert told.spans.dropped == 0


def test_resource_and_headers_are_what_the_variables_say(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Service, version and instance, what the operator adds, the receiver's key."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    _telemetry.set_up("shop", SETTINGS, version="3")

    answer(500)

    assert names(receiver) == ["within", "GET /"]
    said = attributes(receiver.requests[0].resource_spans[0].resource)
    assert said["service.name"] == "shop"
    assert said["service.version"] == "3"
    assert said["deployment.environment.name"] == "test"
    assert len(said["service.instance.id"]) == 36
    assert receiver.headers[0]["x-key"] == "a b"
    assert receiver.headers[0]["content-encoding"] == "gzip"


def test_nothing_is_recorded_without_an_endpoint() -> None:
    """The tracer stays None, and the one of the API does nothing."""
    _telemetry.set_up("shop", SETTINGS)

    assert _spans.tracer is None


def test_log_lines_go_with_their_trace_and_without_secrets(
    receiver: Receiver, tmp_path: Path
) -> None:
    """The line, its severity and fields, and the ids of the call it was written in."""
    with (tmp_path / "log").open("wb") as file:
        _logs.set_up("shop", SETTINGS, writer=LineWriter(file.fileno()))
        _telemetry.set_up("shop", SETTINGS)
        call = new_call("shop", traceparent=NOT_DRAWN)
        with bind(call):
            said = {"sku": "tea", "count": 2, "password": "x", "to": "ann@example.org"}
            structlog.get_logger("shop").warning("sale.refused", **said)
        _telemetry.tear_down()
        _logs.tear_down()

    (record,) = (
        one for one in receiver.logs if one.body.string_value == "sale.refused"
    )
    assert record.severity_text == "WARNING"
    assert record.severity_number == 13
    assert record.trace_id.hex() == call.trace_id
    assert record.span_id.hex() == call.span_id
    told = attributes(record)
    assert (told["sku"], told["count"]) == ("tea", 2)
    assert (told["password"], told["to"]) == ("***", "***")


async def test_a_block_that_is_left_by_another_task_ends_its_span(
    receiver: Receiver,
) -> None:
    """An async generator is closed wherever it is forgotten; nothing is raised."""
    _telemetry.set_up("shop", SETTINGS)
    tracer = trace.get_tracer("users")

    async def pieces() -> AsyncIterator[int]:
        with tracer.start_as_current_span("streamed"):
            yield 1

    stream = pieces()

    async def first() -> int:
        return await anext(stream)

    assert await asyncio.create_task(first()) == 1
    with pytest.raises(StopAsyncIteration):
        await anext(stream)

    assert names(receiver) == ["streamed"]


def test_what_cannot_be_written_is_dropped_and_fails_nobody(
    receiver: Receiver,
) -> None:
    """A span is written where it ends, in the user's own thread."""

    class Speechless:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    _telemetry.set_up("shop", SETTINGS)
    tracer = trace.get_tracer("users")

    tracer.start_span("odd", attributes={"of": Speechless()}).end()  # type: ignore[dict-item]
    tracer.start_span("plain").end()

    told = _setup.telemetry()
    assert told is not None
    assert told.spans is not None
    assert told.spans.dropped == 1
    assert names(receiver) == ["plain"]


async def test_a_decorated_function_is_a_span_each_time(receiver: Receiver) -> None:
    """Async and plain ones; what one raises is said on its span, and raised."""
    _telemetry.set_up("shop", SETTINGS)
    tracer = trace.get_tracer("users")

    @tracer.start_as_current_span("priced", attributes={"sku": "tea"})
    async def priced() -> bool:
        return trace.get_current_span().is_recording()

    @tracer.start_as_current_span("refused")
    def refused() -> None:
        raise ValueError("no such product")

    assert [await priced(), await priced()] == [True, True]
    with pytest.raises(ValueError, match="no such product"):
        refused()

    assert names(receiver) == ["priced", "priced", "refused"]
    assert attributes(receiver.spans[0]) == {"sku": "tea"}
    (raised,) = receiver.spans[2].events
    assert attributes(raised)["exception.message"] == "no such product"
    assert receiver.spans[2].status.message == "ValueError: no such product"
    assert not trace.get_current_span().is_recording()
