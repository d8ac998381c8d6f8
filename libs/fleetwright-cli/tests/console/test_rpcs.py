"""Calls over gRPC sent again: to a service that answers, from its own environment."""

import http.server
import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from made_telemetry import WRITES
from starlette.testclient import TestClient

from fleetwright_cli.console._lines import log_row
from fleetwright_cli.console._site import Site
from fleetwright_cli.venvs import venv_of

CHECK = "/grpc.health.v1.Health/Check"
CALL = {
    "level": "debug",
    "event": "call.captured",
    "method": "GRPC",
    "path": CHECK,
    "query": "",
    "once": True,
    "by": {},
    "request": {"json": {"service": ""}},
    "status": 200,
    "answer": {"json": {"status": "SERVING"}},
}


def made(script: Path, text: str) -> None:
    """Make a program."""
    script.parent.mkdir(parents=True)
    script.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    script.chmod(0o700)


@contextmanager
def telling(document: object) -> Iterator[str]:
    """Have a document answered whatever is asked for; give the address."""

    class Teller(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/info" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Teller) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(name="stock")
def _stock(root: Path, site: Site) -> Iterator[Site]:
    """A fleet where stock answers over gRPC and has an environment of its own."""
    service = site.fleet.services["stock"]
    service.lock.write_text("", "utf-8")
    made(venv_of(site.fleet, service).python, f'exec {sys.executable} "$@"')
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    names = (health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    urls = site.urls() | {"stock.grpc": f"http://127.0.0.1:{port}"}
    site.places.map.write_text(json.dumps(urls), "utf-8")
    yield site
    server.stop(None)


@pytest.mark.parametrize(
    ("told", "paths"),
    (
        ({"methods": [CHECK], "requests": {CHECK: {"service": ""}}}, [CHECK]),
        ({"methods": [CHECK]}, [CHECK]),
        ({"methods": 7}, []),
        ("nothing", []),
    ),
)
def test_methods_are_listed_with_a_message_to_begin_with(
    stock: Site, browser: TestClient, told: object, paths: list[str]
) -> None:
    """As the service says them; one that says something else has none."""
    with telling({"parts": {"RpcServer": told}}) as url:
        urls = stock.urls() | {"stock": url}
        stock.places.map.write_text(json.dumps(urls), "utf-8")
        found = browser.get("/api/explorer?service=stock").json()
        page = browser.get("/explorer?service=stock").text

    assert [it["path"] for it in found["operations"]] == paths
    assert ("says of no operation" in page) == (not paths)
    if paths:
        assert f'value="{CHECK}"' in page
        assert "<option selected>GRPC</option>" in page
    if isinstance(told, dict) and "requests" in told:
        assert json.loads(found["chosen"]["body"]) == {"service": ""}


def sent(browser: TestClient, **call: Any) -> Any:
    """Return what the console answers to whoever has a call sent."""
    given = {"service": "stock", "method": "GRPC", "path": CHECK} | call
    return browser.post("/api/call", json=given, headers=WRITES)


def test_call_is_sent_again(stock: Site, browser: TestClient) -> None:
    """From the list, as it is filled in; the answer is shown, and so is a refusal."""
    stock.store.put([log_row("stock", json.dumps(CALL), "")])
    stock.store.flush()
    [call] = browser.get("/api/captured?service=stock").json()["calls"]

    done = sent(browser, **call).json()
    refused = sent(browser, body='{"service": "strange"}').json()

    assert (done["status"], done["headers"]) == (200, {"grpc-status": "OK"})
    assert json.loads(done["body"]) == {"status": "SERVING"}
    assert len(done["trace"]) == 32
    assert refused["status"] == 404
    assert json.loads(refused["body"])["code"] == "NOT_FOUND"


def test_what_cannot_be_sent_is_told(stock: Site, browser: TestClient) -> None:
    """No such method, no JSON, nobody who answers gRPC."""
    unknown = sent(browser, path="/grpc.health.v1.Health/Sing")
    broken = sent(browser, body="{")
    nobody = sent(browser, service="orders")

    assert unknown.status_code == 422
    assert "has no method Sing" in unknown.json()["error"]["message"]
    assert "Check" in unknown.json()["error"]["hint"]
    assert broken.status_code == 400
    assert "orders does not answer gRPC" in nobody.json()["error"]["message"]


def test_call_becomes_a_test(stock: Site, browser: TestClient) -> None:
    """Which has the console send it; it can be read, and says what is expected."""
    stock.store.put([log_row("stock", json.dumps(CALL), "")])
    stock.store.flush()
    [call] = browser.get("/api/captured?service=stock").json()["calls"]

    text = browser.get(f"/api/captured.py?captured={call['id']}").text

    compile(text, "test_it.py", "exec")
    assert "/api/call" in text
    assert "import uuid" not in text
    assert "ANSWER = {'status': 'SERVING'}" in text
