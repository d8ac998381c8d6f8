"""Two traces and two runs, side by side."""

import time
from pathlib import Path

from made_telemetry import many_orders, order, traces_body
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.testclient import TestClient

from fleetwright_cli.console import _otlp
from fleetwright_cli.console._compared import _merged
from fleetwright_cli.console._site import Site
from fleetwright_cli.console._store import Store

SECOND_NS = 1_000_000_000


def put(site: Site, body: bytes) -> None:
    """Have spans kept before anybody looks."""
    site.store.put(_otlp.spans(body))
    site.store.flush()


def call(trace: str, *spans: tuple[str, int]) -> dict[str, list[Span]]:
    """Return a trace of orders: a first span and others in it, with milliseconds."""
    began = time.time_ns()
    found = []
    for n, (name, took) in enumerate(spans):
        span = Span(
            trace_id=trace.encode() * 16,
            span_id=f"{trace}{n:07}".encode(),
            parent_span_id=f"{trace}{0:07}".encode() if n else b"",
            name=name,
            start_time_unix_nano=began + n,
            end_time_unix_nano=began + took * 1_000_000,
        )
        found.append(span)
    return {"orders": found}


def test_spans_of_one_place_and_name_are_in_one_row(
    browser: TestClient, site: Site
) -> None:
    """With the difference; what only one of them has, where it was."""
    one = call("a", ("POST /", 100), ("ask", 10), ("ask", 20), ("store", 30))
    other = call("b", ("POST /", 400), ("ask", 10), ("mail", 5), ("ask", 90))
    put(site, traces_body(one))
    put(site, traces_body(other))
    address = f"one={b'a'.hex() * 16}&other={b'b'.hex() * 16}"

    found = browser.get(f"/api/compare?{address}").json()
    page = browser.get(f"/compare?{address}").text

    rows = [
        (it["name"], it["difference"] and it["difference"]["text"], it["depth"])
        for it in found["rows"]
    ]
    assert rows == [
        ("POST /", "+300 ms", 0),
        ("ask", "0 ms", 1),
        ("mail", None, 1),
        ("ask", "+70 ms", 1),
        ("store", None, 1),
    ]
    assert found["difference"]["word"] == "slower"
    first = found["rows"][0]
    assert (first["one"]["width"], first["other"]["width"]) == (25, 100)
    assert found["rows"][2]["one"] is None
    assert "only right" in page
    assert "only left" in page


def test_traces_of_many_services_have_all_their_spans(
    browser: TestClient, site: Site
) -> None:
    """A failed order beside a good one; each trace by itself has no difference."""
    good, bad = order(1, time.time_ns()), order(2, time.time_ns(), failed=True)
    for placed in (good, bad):
        put(site, traces_body(placed))
    ids = [placed["storefront"][0].trace_id.hex() for placed in (good, bad)]

    found = browser.get(f"/api/compare?one={ids[0]}&other={ids[1]}").json()
    same = browser.get(f"/api/compare?one={ids[0]}&other={ids[0]}").json()

    count = sum(len(spans) for spans in good.values())
    assert sum(it["one"] is not None for it in found["rows"]) == count
    assert {it["difference"]["ms"] for it in same["rows"]} == {0}


def test_place_of_what_only_one_has_is_inside_what_it_was_inside() -> None:
    """After what is below the one before it, never between that and its own."""
    a, b, x = ("a",), ("a", "b"), ("a", "b", "x")
    d, e = ("a", "d"), ("e",)

    assert _merged([a, b, x], [a, b, d, e]) == [a, b, x, d, e]
    assert _merged([a, b], [e, a]) == [e, a, b]
    assert _merged([], [a, b]) == [a, b]


def test_two_are_picked_in_the_list(browser: TestClient, site: Site) -> None:
    """The address holds the first; the second leads to both."""
    put(site, many_orders(2, seconds=1))
    ids = [it["id"] for it in browser.get("/api/traces").json()["traces"]]

    first = browser.get("/traces").text
    second = browser.get(f"/traces?pick={ids[0]}").text

    assert f"?pick={ids[0]}" in first
    assert f"/compare?one={ids[0]}&amp;other={ids[1]}" in second
    assert "picked" in second
    assert browser.get("/compare?one=zz&other=").status_code == 200
    assert "not kept any more" in browser.get(f"/compare?one={ids[0]}&other=00").text


def test_run_is_held_against_the_last_one(
    root: Path, site: Site, browser: TestClient
) -> None:
    """Route by route; any two of them by their numbers."""
    began = site.reader.one("select started_ns from run")["started_ns"]
    ago = began - 600 * SECOND_NS
    put(site, traces_body(order(1, ago + SECOND_NS)))
    put(site, traces_body(order(2, time.time_ns())))
    put(site, traces_body(order(3, time.time_ns(), failed=True)))
    earlier = Store(root / "console.db")
    earlier.close()
    change = site.store._connection.execute
    change(
        "update run set id = 0, started_ns = ?, ended_ns = ? where id = 2", (ago, began)
    )

    found = browser.get("/api/runs").json()
    page = browser.get("/runs").text

    routes = {(it["service"], it["name"]): it for it in found["routes"]}
    quotes = routes["catalog", "POST /v1/quotes"]
    assert (found["before"], found["run"]) == (0, 1)
    assert (quotes["before"]["calls"], quotes["after"]["calls"]) == (1, 2)
    assert routes["payments", "POST /v1/charges"]["after"]["errors"] >= 1
    assert "POST /v1/quotes" in page
    turned = browser.get("/api/runs?run=0&before=1").json()
    assert (turned["before"], turned["run"]) == (1, 0)


def test_first_run_has_nothing_to_be_held_against(browser: TestClient) -> None:
    """And whatever the address says is no error."""
    assert "no earlier run" in browser.get("/runs").text
    assert browser.get("/runs?run=99&before=x").status_code == 200
