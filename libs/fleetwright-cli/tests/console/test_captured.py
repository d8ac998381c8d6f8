"""Captured calls: listed, filled in to be sent again, made a test."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from made_telemetry import WRITES
from starlette.testclient import TestClient

from fleetwright_cli.console._lines import log_row
from fleetwright_cli.console._site import Site

CALL = {
    "level": "debug",
    "event": "call.captured",
    "trace_id": "a" * 32,
    "span_id": "b" * 16,
    "method": "POST",
    "path": "/v1/orders",
    "query": "dry=1",
    "once": True,
    "by": {"subject": "clerk", "scopes": ["orders:write"], "roles": ["clerk"]},
    "request": {"json": {"reference": 'it"s'}},
    "status": 201,
    "answer": {"json": {"id": "x", "lines": [{"quantity": 1}]}},
}


def keep(site: Site, **changes: Any) -> int:
    """Have a captured call of orders kept; return its number."""
    site.store.put([log_row("orders", json.dumps(CALL | changes), "")])
    site.store.flush()
    return int(site.reader.one("select max(id) id from log")["id"])


class Heard(BaseHTTPRequestHandler):
    """A service that notes what it is asked."""

    asked: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        """Answer, whether as the service or as the issuer."""
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size).decode()
        self.asked.append({"path": self.path, "body": body} | dict(self.headers))
        said = b'{"access_token": "signed", "id": "y"}'
        self.send_response(200 if self.path == "/token" else 201)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(name="heard")
def _heard(site: Site) -> Iterator[list[dict[str, Any]]]:
    """What orders and the issuer were asked, at an address of their own."""
    Heard.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Heard)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    site.places.map.write_text(json.dumps({"orders": url, "issuer": url}), "utf-8")
    (site.places.run / "clients.json").write_text('{"fleet": "secret"}', "utf-8")
    yield Heard.asked
    server.shutdown()
    server.server_close()


def test_calls_are_listed_and_one_fills_the_form(
    browser: TestClient, site: Site
) -> None:
    """From the list, and from the span that it is of."""
    number = keep(site)

    [listed] = browser.get("/api/captured?service=orders").json()["calls"]
    page = browser.get(f"/explorer?service=orders&captured={number}").text

    assert (listed["method"], listed["path"]) == ("POST", "/v1/orders?dry=1")
    assert json.loads(listed["body"]) == {"reference": 'it"s'}
    assert browser.get("/api/captured?service=catalog").json()["calls"] == []
    assert 'value="/v1/orders?dry=1"' in page
    assert 'value="clerk"' in page
    assert "checked" in page
    assert f"/api/captured.py?captured={number}" in page


def test_call_is_sent_again_by_whoever_made_it(
    browser: TestClient, site: Site, heard: list[dict[str, Any]]
) -> None:
    """With a fresh token and a fresh key; both are the console's to get."""
    keep(site)
    [call] = browser.get("/api/captured").json()["calls"]

    done = browser.post("/api/call", json=call, headers=WRITES).json()

    token, sent = heard
    assert done["status"] == 201
    assert token["path"] == "/token"
    assert "subject=clerk" in token["body"]
    assert "scope=orders%3Awrite" in token["body"]
    assert sent["path"] == "/v1/orders?dry=1"
    assert json.loads(sent["body"]) == {"reference": 'it"s'}
    assert sent["Authorization"] == "Bearer signed"
    assert len(sent["Idempotency-Key"]) == 36


def test_call_becomes_a_test_that_can_be_read(browser: TestClient, site: Site) -> None:
    """Of Python, whatever the values hold; a name that says what it is of."""
    number = keep(site, path='/v1/"""\\')

    answer = browser.get(f"/api/captured.py?captured={number}")

    compile(answer.text, "test_it.py", "exec")
    assert "test_orders_" in answer.headers["content-disposition"]
    assert "STATUS = 201" in answer.text
    assert browser.get("/api/captured.py?captured=999").status_code == 404


@pytest.mark.parametrize(
    "changes",
    (
        {"request": {"left_out": "9000 bytes"}},
        {"request": {"json": {"password": "canary-5150"}}},
    ),
)
def test_what_was_not_captured_whole_is_no_test(
    browser: TestClient, site: Site, changes: dict[str, Any]
) -> None:
    """The form says what is missing, and never shows a secret."""
    number = keep(site, **changes)

    page = browser.get(f"/explorer?service=orders&captured={number}").text

    assert browser.get(f"/api/captured.py?captured={number}").status_code == 422
    assert "Save as a test" not in page
    assert "canary-5150" not in page
    assert "put one in" in page


def test_line_that_only_looks_captured_breaks_nothing(
    browser: TestClient, site: Site
) -> None:
    """Any service may write such a line."""
    keep(site, by=None, request=None, answer=None, path=7, status="x")

    assert browser.get("/explorer?service=orders").status_code == 200
