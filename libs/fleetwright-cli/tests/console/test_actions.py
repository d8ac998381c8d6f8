"""What a person has done: asked of the right one, noted, and mistakes in words."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_telemetry import WRITES
from starlette.testclient import TestClient

from fleetwright_cli.console._feed import Feed
from fleetwright_cli.console._site import Site
from fleetwright_cli.local._console import Changes
from fleetwright_cli.local._process import Listener
from fleetwright_cli.local._status import State, Status


def post(client: TestClient, path: str, body: object) -> tuple[int, object]:
    """Return the status and the answer of one action."""
    answer = client.post(f"/api/{path}", json=body, headers=WRITES)
    return answer.status_code, answer.json()


def notes(site: Site) -> list[tuple[str, str]]:
    """Return what was noted."""
    site.store.flush()
    rows = site.reader.rows("select resource, state from event order by id")
    return [(row["resource"], row["state"]) for row in rows]


def test_fault_is_switched_on_and_off(browser: TestClient, site: Site) -> None:
    """The services read the same file that `fleet faults` writes."""
    fault = {"edge": "orders->stock", "error": "503", "share": "30%", "lasts": "60s"}

    code, added = post(browser, "faults", fault)

    assert code == 200
    assert isinstance(added, dict)
    [kept] = json.loads(site.places.faults.read_text("utf-8"))["faults"]
    assert (kept["edge"], kept["error"], kept["share"]) == ("orders->stock", 503, 0.3)
    assert "503" in browser.get("/faults").text
    assert post(browser, "faults/clear", {"id": added["id"]})[0] == 200
    assert browser.get("/api/faults").json()["faults"] == []
    assert notes(site) == [
        ("orders->stock", "fault"),
        ("orders->stock", "fault cleared"),
    ]


@pytest.mark.parametrize(
    "fault",
    (
        {},
        {"edge": "orders->nobody", "error": "503"},
        {"edge": "orders->stock"},
        {"edge": "orders->stock", "error": "200"},
        {"edge": "orders->stock", "error": "x"},
        {"edge": "orders->stock", "drop": "gently"},
        {"edge": "orders->stock", "delay": "soon"},
        {"edge": "orders->stock", "error": "503", "share": "0"},
        {"edge": "orders->stock", "error": "503", "lasts": "x"},
    ),
)
def test_fault_that_is_none_is_refused(
    browser: TestClient, site: Site, fault: dict[str, str]
) -> None:
    """And nothing is switched on."""
    code, said = post(browser, "faults", fault)

    assert code in (400, 422)
    assert isinstance(said, dict)
    assert said["error"]["message"]
    assert site.faults() == []


@pytest.mark.parametrize(
    ("path", "code"),
    (
        ("resources/orders/restart", 422),  # no supervisor runs here
        ("resources/orders/explode", 400),
        ("resources/nobody/stop", 400),
        ("events/replay", 400),
        ("call", 400),
    ),
)
def test_action_that_cannot_be_done_is_told(
    browser: TestClient, path: str, code: int
) -> None:
    """In words."""
    answered, said = post(browser, path, {})

    assert answered == code
    assert isinstance(said, dict)
    assert said["error"]["message"]


@pytest.mark.parametrize(
    "body", (b"[]", b"{", b"[" * 100_000, b"\xff", b"x" * 2_000_000)
)
def test_body_that_is_no_object_is_refused(browser: TestClient, body: bytes) -> None:
    """Whatever it is."""
    answer = browser.post("/api/faults", content=body, headers=WRITES)

    assert answer.status_code == 400


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked, and leads elsewhere where it is told to."""

    def do_POST(self) -> None:
        """Answer one call."""
        length = int(self.headers["Content-Length"])
        told = {"path": self.path, "body": self.rfile.read(length).decode()}
        told |= {"traceparent": self.headers["traceparent"], "x": self.headers["X-One"]}
        body = json.dumps(told).encode()
        self.send_response(302 if self.path == "/away" else 201)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture(name="echo")
def _echo(site: Site) -> Iterator[None]:
    """A service `orders` that answers with what it was asked."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    urls = {"orders": f"http://127.0.0.1:{server.server_port}"}
    site.places.map.write_text(json.dumps(urls), "utf-8")
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def test_call_by_hand_is_in_a_trace_of_its_own(
    browser: TestClient, site: Site, echo: None
) -> None:
    """Its method, body and headers are those that were typed."""
    call = {"service": "orders", "method": "POST", "path": "/v1/orders?a=1"}
    typed = {"headers": "X-One: two\nbroken", "body": '{"a": 1}'}

    code, answer = post(browser, "call", call | typed)

    assert code == 200
    assert isinstance(answer, dict)
    assert answer["status"] == 201
    told = json.loads(answer["body"])
    assert (told["path"], told["body"], told["x"]) == (
        "/v1/orders?a=1",
        '{"a": 1}',
        "two",
    )
    assert answer["trace"] in told["traceparent"]
    assert notes(site) == [("orders", "call")]


def test_call_by_hand_goes_to_no_other_machine(
    browser: TestClient, site: Site, echo: None
) -> None:
    """Neither by a path that is an address, nor by a redirect."""
    call = {"service": "orders", "method": "POST", "body": "x"}

    assert post(browser, "call", call | {"path": "http://evil.example/"})[0] == 400
    assert post(browser, "call", call | {"path": "@evil.example/"})[0] == 400
    assert post(browser, "call", call | {"service": "evil", "path": "/"})[0] == 400
    code, answer = post(browser, "call", call | {"path": "/away"})
    assert code == 200
    assert isinstance(answer, dict)
    assert answer["status"] == 302


def test_feed_reads_what_is_written_down(site: Site, tmp_path: Path) -> None:
    """Lines of services and changes of processes, once each, and of this run only."""
    began = time.time()
    old = '{"time": "2020-01-01T00:00:00Z", "event": "of an earlier run"}\n'
    new = '{"time": "2100-01-01T00:00:00Z", "event": "of this run"}\n'
    site.places.log("orders").write_bytes((old + new).encode() + b"\xff\x00\xfe\n")
    site.places.log("console").write_text(new, "utf-8")
    changes = Changes(site.places.changes, Listener())
    status = Status("orders", "orders", State.FAILED, 1, "", "", reason="no database")
    changes.listener.changed(status)
    feed = Feed(site.places, site.store, since=began)
    feed.start()
    feed.close()
    changes.close()
    site.store.flush()

    lines = site.reader.rows("select event from log order by id")
    assert [it["event"] for it in lines][:1] == ["of this run"]
    assert len(lines) == 2
    events = site.reader.rows("select resource, state, reason from event")
    assert events == [
        {"resource": "orders", "state": "failed", "reason": "no database"}
    ]
