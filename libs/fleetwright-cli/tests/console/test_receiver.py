"""Whatever is sent, the console goes on; what is telemetry is kept."""

import gzip
import time
import zlib

import pytest
from made_telemetry import (
    OTLP,
    STORY,
    logs_body,
    many_orders,
    metrics_body,
    order,
    traces_body,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.testclient import TestClient

from fleetwright_cli.console._receiver import MOST_BYTES, MOST_UNPACKED
from fleetwright_cli.console._site import Site

BROKEN = (b"\xff" * 64, b"{}", b"\x0a\x7f", bytes(range(256)) * 16)


def send(client: TestClient, kind: str, body: bytes, **headers: str) -> int:
    """Return the status of one export."""
    given = {**OTLP, **headers}
    return client.post(f"/v1/{kind}", content=body, headers=given).status_code


@pytest.mark.parametrize("kind", ("traces", "logs", "metrics"))
@pytest.mark.parametrize("body", BROKEN)
def test_broken_body_is_refused(
    anyone: TestClient, site: Site, kind: str, body: bytes
) -> None:
    """With 400, and nothing of it is kept."""
    assert send(anyone, kind, body) == 400

    site.store.flush()
    assert site.store.written == 0
    assert send(anyone, "traces", many_orders(1)) == 200


def test_body_that_is_cut_anywhere_never_breaks_the_console(anyone: TestClient) -> None:
    """It is taken or refused, byte for byte."""
    body = many_orders(1)

    codes = {send(anyone, "traces", body[:end]) for end in range(0, len(body), 7)}

    assert codes <= {200, 400}


def test_too_much_is_refused(anyone: TestClient) -> None:
    """Too long as it comes, and too long once unpacked."""
    bomb = gzip.compress(b"\0" * (MOST_UNPACKED + 1))

    assert send(anyone, "traces", b"\0" * (MOST_BYTES + 1)) == 413
    assert send(anyone, "traces", bomb, **{"content-encoding": "gzip"}) == 413


@pytest.mark.parametrize(
    ("headers", "code"),
    (
        ({"content-encoding": "gzip"}, 400),
        ({"content-encoding": "br"}, 415),
        ({"content-type": "application/json"}, 415),
    ),
)
def test_form_that_is_not_understood_is_refused(
    anyone: TestClient, headers: dict[str, str], code: int
) -> None:
    """With the status that says why."""
    assert send(anyone, "traces", many_orders(1), **headers) == code


def test_gzip_that_ends_too_early_is_refused(anyone: TestClient) -> None:
    """Half of a body is no body."""
    packed = gzip.compress(many_orders(20))

    gzipped = {"content-encoding": "gzip"}
    assert send(anyone, "traces", packed[: len(packed) // 2], **gzipped) == 400
    assert send(anyone, "traces", packed, **gzipped) == 200
    assert zlib.decompress(packed, wbits=31)


def test_spans_are_kept_with_their_trace(anyone: TestClient, site: Site) -> None:
    """Index columns, the span's own bytes, and a summary of the trace."""
    placed = order(3, time.time_ns(), failed=True)
    # Two exports, as two services send them: the summary is of both.
    for service, spans in placed.items():
        assert send(anyone, "traces", traces_body({service: spans})) == 200
    site.store.flush()

    trace = site.reader.one("select * from trace")
    assert trace["spans"] == len(STORY)
    assert trace["errors"] == 2
    assert trace["root_name"] == "POST /basket/order"
    assert site.reader.services()[trace["root_service"]] == "storefront"
    assert trace["services"].bit_count() == len(placed)
    raw = site.reader.one("select raw from span where name = 'Hold'")["raw"]
    assert Span.FromString(raw).name == "Hold"


def test_both_sides_of_a_call_make_an_edge(anyone: TestClient, site: Site) -> None:
    """In whichever order they come."""
    placed = order(3, time.time_ns())
    for service in reversed(list(placed)):
        send(anyone, "traces", traces_body({service: placed[service]}))
    site.store.flush()

    rows = site.reader.rows("select caller, callee, kind, calls from edge_minute")
    assert {(r["caller"], r["callee"], r["kind"]) for r in rows} == {
        ("storefront", "orders", "call"),
        ("orders", "catalog", "call"),
        ("orders", "stock", "call"),
        ("orders", "payments", "call"),
        ("orders", "notifications", "event"),
    }
    assert {row["calls"] for row in rows} == {1}


def test_probes_are_not_shown(anyone: TestClient, site: Site) -> None:
    """Whether a service is ready is asked all the time, and tells nobody anything."""
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="GET /readyz")

    send(anyone, "traces", traces_body({"orders": [span]}))
    site.store.flush()

    assert site.reader.rows("select * from span") == []


def test_lines_and_points_are_kept(anyone: TestClient, site: Site) -> None:
    """A line with its trace and without its secrets; sums, gauges and histograms."""
    assert send(anyone, "logs", logs_body("orders", "boom", trace_id=b"t" * 16)) == 200
    body = metrics_body("orders", value=7, at_ns=time.time_ns())
    assert send(anyone, "metrics", body) == 200
    site.store.flush()

    line = site.reader.one("select * from log")
    assert (line["event"], line["level"]) == ("boom", 40)
    assert line["trace_id"] == (b"t" * 16).hex()
    assert "canary" not in line["fields"]
    kinds = site.reader.rows("select kind from metric_series order by kind")
    assert [it["kind"] for it in kinds] == ["gauge", "histogram", "sum"]
    values = site.reader.rows("select value, count from metric_point")
    assert sorted(it["value"] for it in values) == [0.7, 7.0, 7.0]
