"""What is said of calls that were answered alike is made once, and is the same."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)
from otlp_receiver import attributes

from fleetwright import Settings, _answered, _logs
from fleetwright._answered import Answer, answer_of
from fleetwright._context import new_call
from fleetwright._log_writer import LineWriter
from fleetwright._telemetry._instruments import Instrument
from fleetwright._telemetry._otlp_logs import Line, encode_lines

ODD = 'user:\u2028"ann"\x7f\\\x85'
ROUTE = {"method": "GET", "route": "/v1/quotes/{sku}"}


class Paper(LineWriter):
    """A writer that keeps the lines."""

    def __init__(self) -> None:
        """Start with an empty sheet."""
        super().__init__()
        self.lines: list[bytes] = []

    def write(self, line: bytes, *, urgent: bool = False) -> None:
        """Keep a line."""
        self.lines.append(line)


@pytest.fixture
def paper() -> Iterator[Paper]:
    """Set logs up as JSON on a sheet of paper."""
    paper = Paper()
    _logs.set_up("orders", Settings(log_format="json"), writer=paper)
    yield paper
    _logs.tear_down()


def answered(**said: Any) -> Answer:
    """Return what is said of a call that went well, but for some of it."""
    usual = {"status": 200, "outcome": "answered", "caller": "shop"}
    ending: Any = {**usual, "principal": None, "degraded": None, **said}.values()
    return answer_of(ROUTE, tuple(ending))


def test_calls_answered_alike_share_what_is_said_of_them() -> None:
    """One object for each way to answer; whatever is said differently is another."""
    alike, others = answered(), [
        answered(status=404),
        answered(outcome="timeout"),
        answered(caller=None),
        answered(principal="prices"),
        answered(degraded="prices"),
    ]

    assert answered() is alike
    assert all(dict(one) != dict(alike) for one in others)
    assert len({json.dumps(one) for one in others}) == len(others)


def test_ways_to_answer_that_are_remembered_are_bounded() -> None:
    """Paths that nobody serves do not fill the memory."""
    for number in range(3_000):
        missed = {"method": "GET", "route": None, "path": f"/{number}"}
        answer_of(missed, (404, "answered", None, None, None))

    assert len(_answered.answers) <= 1_024


@pytest.mark.parametrize("id", ["c", "7" * 32, "x" * 125, "x" * 126, "x" * 128])
@pytest.mark.parametrize("traceparent", [None, f"00-{'a' * 32}-{'b' * 16}-01"])
def test_line_of_a_call_says_the_same_everywhere(
    paper: Paper, id: str, traceparent: str | None
) -> None:
    """As JSON and over OTLP, the first time and when it is remembered."""
    call = new_call("orders", id=id, traceparent=traceparent)
    answer = answered(principal=ODD, degraded="prices")
    for _ in range(2):
        _logs.canonical(call, answer, 0.0123456)
    line: Line = (7, "info", "call.answered", answer, call, 12.346)
    sent = ExportLogsServiceRequest.FromString(encode_lines(b"", [line, line]))

    first, second = map(json.loads, paper.lines)
    said = {**answer, "duration_ms": 12.346}
    assert said.items() <= first.items()
    assert first | {"time": ""} == second | {"time": ""}
    assert first["parent_span_id"] == call.parent_span_id
    assert paper.lines[0].decode().count("\n") == 1
    assert not set("\u2028\x7f\x85") & set(paper.lines[0].decode())
    for record in sent.resource_logs[0].scope_logs[0].log_records:
        assert dict(attributes(record)) == said | {"call_id": id}
        assert record.trace_id.hex() == first["trace_id"]
        assert record.span_id.hex() == first["span_id"]
        assert record.time_unix_nano == record.observed_time_unix_nano == 7


def test_nobody_but_grpc_calls_a_route_of_grpc() -> None:
    """A client of HTTP may send any word as its method."""
    described = {"method": "GRPC", "route": None, "path": "/"}
    answer = answer_of(described, (405, "answered", None, None, None))

    assert answer.measured["http.request.method"] == "GRPC"
    assert answer.span[0] == "GRPC"


def test_measurements_said_as_one_object_or_anew_are_one_series() -> None:
    """What is found by identity is counted with its equals."""
    seconds = Instrument("x", "s", kind="histogram")
    alike = answered().measured
    for said in (alike, dict(alike), alike, answered(caller=None).measured):
        seconds.record(0.01, said)
    seconds.record(0.01, answered(status=404).measured)

    counts = [sum(cell.counts) for cell in seconds.cells().values()]
    assert sorted(counts) == [1, 4]
