"""Tools for assistants: the same views; what changes something asks first."""

import json
import time
from typing import Any

import pytest
from made_telemetry import KEYS, ORIGIN, WRITES, order, traces_body
from starlette.testclient import TestClient

from fleetwright_cli.console import _otlp
from fleetwright_cli.console._site import Site

TOKEN = {"authorization": f"Bearer {KEYS.token}"}


def say(client: TestClient, method: str, **params: Any) -> Any:
    """Return the answer to one message."""
    message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    answer = client.post("/mcp", json=message, headers=TOKEN)
    assert answer.status_code == 200
    assert answer.json()["id"] == 7
    return answer.json()


def call(client: TestClient, tool: str, /, **arguments: Any) -> Any:
    """Return what a tool answers."""
    result = say(client, "tools/call", name=tool, arguments=arguments)["result"]
    [content] = result["content"]
    if result.get("isError"):
        return content["text"]
    return json.loads(content["text"])


def test_assistant_is_greeted_and_told_the_tools(anyone: TestClient) -> None:
    """The version it speaks where we know it; each tool says whether it only reads."""
    greeted = say(anyone, "initialize", protocolVersion="2025-03-26")["result"]
    newer = say(anyone, "initialize", protocolVersion="2099-01-01")["result"]
    listed = say(anyone, "tools/list")["result"]["tools"]
    noted = anyone.post(
        "/mcp",
        json={"jsonrpc": "2.0", "method": "notifications/initialized"},
        headers=TOKEN,
    )

    assert greeted["protocolVersion"] == "2025-03-26"
    assert newer["protocolVersion"] == "2025-06-18"
    assert noted.status_code == 202
    changing = [it["name"] for it in listed if not it["annotations"]["readOnlyHint"]]
    assert changing == ["restart", "stop", "start"]
    assert say(anyone, "ping")["result"] == {}


def test_every_tool_that_reads_answers(anyone: TestClient, site: Site) -> None:
    """As the page does, whatever has come."""
    placed = order(3, time.time_ns(), failed=True)
    site.store.put(_otlp.spans(traces_body(placed)))
    site.store.flush()
    listed = say(anyone, "tools/list")["result"]["tools"]
    for tool in listed:
        if tool["annotations"]["readOnlyHint"]:
            assert isinstance(call(anyone, tool["name"]), dict)

    [trace] = call(anyone, "traces", failed="1", service="payments")["traces"]
    spans = call(anyone, "trace", id=trace["id"])["spans"]
    assert call(anyone, "traces", service="nobody")["traces"] == []
    assert len(spans) == trace["spans"]


def test_process_is_changed_only_with_consent(anyone: TestClient, site: Site) -> None:
    """The question first; then what the page would do, and its mistakes in words."""
    asked = call(anyone, "stop", name="orders")
    agreed = call(anyone, "stop", name="orders", agreed=True)
    stranger = call(anyone, "restart", name="nobody", agreed=True)

    site.store.flush()
    noted = site.reader.rows("select resource, state from event")
    assert "leave it stopped?" in asked["question"]
    assert "nothing runs here" in agreed  # no supervisor here
    assert "no process nobody runs here" in stranger
    assert noted == [{"resource": "orders", "state": "stop"}]


@pytest.mark.parametrize(
    ("message", "code"),
    (
        ({"id": 1, "method": "resources/list"}, -32601),
        ({"id": 1, "method": "tools/call", "params": {"name": "rm"}}, -32602),
        ({"id": 1, "method": "tools/call", "params": [1]}, -32602),
    ),
)
def test_message_that_is_not_known_is_told(
    anyone: TestClient, message: dict[str, Any], code: int
) -> None:
    """By the numbers of JSON-RPC."""
    answer = anyone.post("/mcp", json=message, headers=TOKEN)

    assert answer.json()["error"]["code"] == code


def test_only_the_owner_s_programs_are_answered(anyone: TestClient) -> None:
    """A token with each call; a page, with a cookie or not, is none of them."""
    message = {"id": 1, "method": "ping"}
    evil = {"origin": "http://evil.example"}

    def code(**headers: str) -> int:
        return anyone.post("/mcp", json=message, headers=headers).status_code

    assert code() == 401
    assert code(authorization="Bearer no") == 401
    assert code(**TOKEN, **evil) in (401, 403)
    assert anyone.post("/mcp", content=b"[", headers=TOKEN).status_code == 400
    anyone.get("/login", params={"t": KEYS.token})
    assert code() == 401
    assert code(origin=ORIGIN) == 403
    assert code(**WRITES) == 200
    assert [code(authorization="Bearer no") for _ in range(10)][-1] == 429
