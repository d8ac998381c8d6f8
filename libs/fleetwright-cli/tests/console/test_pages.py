"""Every page has its data in the first answer, and everything is JSON as well."""

import re
import time
from pathlib import Path

import pytest
from made_telemetry import OTLP, many_orders, metrics_body, order, traces_body
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.testclient import TestClient

from fleetwright_cli.console import _otlp
from fleetwright_cli.console._app import HERE, PAGES
from fleetwright_cli.console._lines import log_row
from fleetwright_cli.console._rows import EventRow
from fleetwright_cli.console._site import Site

CANARY = "<script>alert('canary')</script>"
MOST_BYTES = 300_000
SIMPLE = [page.path for page in PAGES.values() if "{" not in page.path]


@pytest.fixture(name="told")
def _told(site: Site) -> Site:
    """A site that has heard of orders, lines and metrics."""
    site.store.put(_otlp.spans(many_orders(40, seconds=200)))
    for n in range(3):
        at_ns = time.time_ns() - n * 10**9
        site.store.put(_otlp.points(metrics_body("orders", value=9 - n, at_ns=at_ns)))
    line = '{"level": "warning", "event": "retrying", "attempt": 2, "secret": "x"}'
    site.store.put([log_row("payments", line, "")])
    site.store.flush()
    return site


@pytest.mark.parametrize("path", [*SIMPLE, "/resources/orders", "/resources/nobody"])
def test_page_is_answered_before_anything_has_come(
    browser: TestClient, path: str
) -> None:
    """An empty console is a page, too."""
    answer = browser.get(path)

    assert answer.status_code == 200
    assert "style=" not in answer.text  # the policy forbids it


@pytest.mark.parametrize(
    ("path", "words"),
    (
        ("/", ("catalog", "the bank is away", "POST /basket/order", "retrying")),
        ("/logs", ("retrying", "attempt=", "<span>***</span>")),
        ("/logs?q=retr&service=payments&level=warning&since=900", ("retrying",)),
        ("/traces", ("POST /basket/order", "<circle")),
        ("/map", ("orders", "declared, not seen")),
        ("/metrics", ("pool.in_use", "POST /v1/quotes")),
        ("/metrics?metric=call.duration", ("added between two points",)),
        ("/resources/orders", ("orders", "this run", "catalog")),
        ("/faults?caller=orders&provider=catalog", ("Switch on",)),
    ),
)
def test_first_answer_has_its_data(
    browser: TestClient, told: Site, path: str, words: tuple[str, ...]
) -> None:
    """Before any script has run."""
    text = browser.get(path).text

    for word in words:
        assert word in text


@pytest.mark.parametrize(
    "query", ("service=catalog", "q=nothing", "level=error", "trace=ab", 'q="*)(')
)
def test_lines_that_do_not_fit_are_left_out(
    browser: TestClient, told: Site, query: str
) -> None:
    """By every filter; what is typed is never taken for syntax."""
    answer = browser.get(f"/api/logs?{query}")

    assert answer.json()["lines"] == []


@pytest.mark.parametrize(
    ("query", "fit"),
    (
        ("", 40),
        ("failed=1", 2),
        ("service=payments", 40),
        ("service=nobody", 0),
        ("slower=100000", 0),
        ("q=BASKET", 40),
        ("q=nothing", 0),
        ("since=3600&limit=5", 5),
    ),
)
def test_traces_are_found(
    browser: TestClient, told: Site, query: str, fit: int
) -> None:
    """By service, name, failure, duration and time."""
    assert len(browser.get(f"/api/traces?{query}").json()["traces"]) == fit


def test_waterfall_shows_a_trace_as_it_was(browser: TestClient, site: Site) -> None:
    """In the order of its tree, with the lines of each span and what it waited for."""
    placed = order(3, time.time_ns(), failed=True)
    site.store.put(_otlp.spans(traces_body(placed)))
    span = placed["payments"][0]
    trace = span.trace_id.hex()
    line = (
        f'{{"event": "the bank said no", "level": "error", "trace_id": "{trace}",'
        f' "span_id": "{span.span_id.hex()}"}}'
    )
    site.store.put([log_row("payments", line, "")])
    site.store.flush()

    found = browser.get(f"/api/trace?id={trace}").json()
    page = browser.get(f"/traces/{trace}?span={span.span_id.hex()}").text

    depths = [(it["service"], it["depth"]) for it in found["spans"]]
    assert depths[:5] == [
        ("storefront", 0),
        ("storefront", 1),
        ("orders", 2),
        ("orders", 3),
        ("catalog", 4),
    ]
    said = [it["lines"][0]["event"] for it in found["spans"] if it["lines"]]
    assert said == ["the bank said no"]
    assert [it["name"] for it in found["spans"] if it["failed"]] == [
        "POST /v1/charges"
    ] * 2
    assert found["spans"][0]["critical"]
    assert "the bank said no" in page
    assert "DEADLINE_EXCEEDED" in page


def test_trace_of_ten_thousand_spans_is_shown_in_windows(
    browser: TestClient, site: Site
) -> None:
    """Three hundred rows at once, and a way to the others."""
    first = Span(trace_id=b"t" * 16, span_id=b"r" * 8, name="first")
    spans = [first] + [
        Span(
            trace_id=b"t" * 16,
            span_id=n.to_bytes(8, "big"),
            parent_span_id=b"r" * 8,
            name=f"span {n}",
            start_time_unix_nano=n,
            end_time_unix_nano=n + 5,
        )
        for n in range(1, 10_000)
    ]
    site.store.put(_otlp.spans(traces_body({"orders": spans})))
    site.store.flush()

    page = browser.get(f"/traces/{(b't' * 16).hex()}").text
    later = browser.get(f"/traces/{(b't' * 16).hex()}?from=9900").text

    assert page.count('class="track"') == 300
    assert "of 10000" in page
    assert "span 9999" in later


def test_circle_of_parents_loses_nothing(browser: TestClient, site: Site) -> None:
    """Two spans that are each other's parent, and one that is its own."""
    pairs = ((b"a" * 8, b"b" * 8), (b"b" * 8, b"a" * 8), (b"c" * 8, b"c" * 8))
    spans = [
        Span(trace_id=b"t" * 16, span_id=one, parent_span_id=other, name=one.hex())
        for one, other in pairs
    ]
    site.store.put(_otlp.spans(traces_body({"orders": spans})))
    site.store.flush()

    found = browser.get(f"/api/trace?id={(b't' * 16).hex()}").json()

    assert len(found["spans"]) == 3


def test_text_of_others_is_only_text(browser: TestClient, site: Site) -> None:
    """In lines, fields, names of spans and services, attributes and addresses."""
    span = Span(
        trace_id=b"t" * 16, span_id=b"s" * 8, name=CANARY, kind=Span.SPAN_KIND_SERVER
    )
    span.attributes.add(key=CANARY).value.string_value = CANARY
    span.status.message = CANARY
    site.store.put(_otlp.spans(traces_body({CANARY: [span]})))
    site.store.put([log_row("orders", CANARY, "")])
    site.store.put([log_row("orders", f'{{"event": "{CANARY}", "x": "{CANARY}"}}', "")])
    site.store.flush()

    trace = (b"t" * 16).hex()
    for path in (
        *SIMPLE,
        f"/traces/{trace}?span={(b's' * 8).hex()}",
        f"/logs?q={CANARY}",
        f"/traces?q={CANARY}&service={CANARY}",
        f"/resources/{CANARY.replace('/', '')}",
    ):
        text = browser.get(path).text
        assert "canary" in text or path in SIMPLE
        assert "<script>alert" not in text


def test_secrets_are_not_served(browser: TestClient, site: Site) -> None:
    """Neither in lines nor in what spans say, whatever holds them."""
    jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"
    url = "postgres://shop:canary-5150@localhost/orders"
    span = Span(
        trace_id=b"t" * 16, span_id=b"s" * 8, name="GET /", kind=Span.SPAN_KIND_SERVER
    )
    span.attributes.add(key="authorization").value.string_value = "canary-5150"
    span.attributes.add(key="url.full").value.string_value = url
    span.attributes.add(key="note").value.string_value = f"took {jwt}"
    site.store.put(_otlp.spans(traces_body({"orders": [span]})))
    for line in (
        '{"event": "in", "headers": {"cookie": "canary-5150"}}',
        f'{{"event": "using {jwt} and {url}"}}',
        f"plain {url} {jwt}",
        '{"event": "pem", "it": "-----BEGIN PRIVATE KEY-----\\ncanary-5150"}',
    ):
        site.store.put([log_row("orders", line, "")])
    site.store.flush()

    span_path = f"/api/span?id={(b't' * 16).hex()}&span={(b's' * 8).hex()}"
    for path in ("/api/logs", "/logs", span_path):
        text = browser.get(path).text
        assert "canary-5150" not in text
        assert "eyJzdWIi" not in text
        assert "***" in text


@pytest.mark.parametrize(
    "path",
    (
        "/traces/nothing",
        f"/traces/{'0' * 32}",
        "/traces/x?span=y",
        "/logs?before=x&after=1e400&limit=-5&since=nan",
        "/map?minutes=1e9",
        "/traces?slower=inf&limit=99999999",
        "/logs?" + "service=x&" * 200,
        "/faults?caller=%00&provider=%ff",
    ),
)
def test_address_that_makes_no_sense_is_no_error(
    browser: TestClient, told: Site, path: str
) -> None:
    """Whoever types an address by hand gets a page."""
    assert browser.get(path).status_code == 200


def test_what_is_not_there_is_said(browser: TestClient) -> None:
    """As part and as JSON."""
    assert browser.get("/part/nothing").status_code == 404
    assert browser.get("/api/nothing").status_code == 404
    assert browser.get("/api/status").json()["dropped"] == 0


def test_everything_of_a_page_is_small_and_ours() -> None:
    """Below 300 KB in all; nothing is asked of another machine."""
    files = [path for path in (HERE / "static").iterdir() if path.is_file()]
    templates = [*(HERE / "templates").rglob("*.html")]

    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    for path in (*files, *templates):
        assert external(path) == []


def external(path: Path) -> list[str]:
    """Return the addresses of other machines that a file holds."""
    text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    return re.findall(r"(?:src|href|url\(|fetch\()\S*https?://\S+", text)


def test_state_that_is_said_again_is_listed_once(
    browser: TestClient, site: Site
) -> None:
    """A process tells more than its state: only turns are of interest."""
    states = ("starting", "starting", "ready", "ready", "degraded", "ready")
    now = time.time_ns()
    site.store.put(
        [EventRow(now + n, "orders", state, "", "{}") for n, state in enumerate(states)]
    )
    site.store.flush()

    events = browser.get("/api/resource?name=orders").json()["events"]

    assert [(it["state"], it["at_ns"] - now) for it in events] == [
        ("ready", 5),
        ("degraded", 4),
        ("ready", 2),
        ("starting", 0),
    ]


@pytest.mark.parametrize("at_ns", (0, 1, 4_102_444_800_000_000_000, (1 << 63) - 1))
def test_clock_that_jumps_breaks_no_page(
    browser: TestClient, site: Site, at_ns: int
) -> None:
    """Spans that end before they begin, at times that cannot be, beside a good one."""
    strange = [
        Span(
            trace_id=bytes([n]) * 16,
            span_id=bytes([n]) * 8,
            name="strange",
            kind=Span.SPAN_KIND_SERVER,
            start_time_unix_nano=at_ns,
            end_time_unix_nano=end_ns,
        )
        for n, end_ns in ((1, 0), (2, time.time_ns()), (3, (1 << 64) - 1))
    ]
    body = traces_body({"orders": strange, **order(9, time.time_ns() - 10**10)})
    metrics = metrics_body("orders", value=1, at_ns=at_ns)
    assert browser.post("/v1/traces", content=body, headers=OTLP).status_code == 200
    assert browser.post("/v1/metrics", content=metrics, headers=OTLP).status_code == 200
    site.store.flush()

    for path in ("/", "/traces", "/map", "/metrics", "/logs", "/runs"):
        assert browser.get(path).status_code == 200, path
    for n in (1, 2, 3):
        assert browser.get(f"/traces/{bytes([n]).hex() * 16}").status_code == 200
    found = browser.get("/api/traces").json()["traces"]
    assert "POST /basket/order" in {it["name"] for it in found}
    assert all(it["duration_ms"] >= 0 for it in found)
