"""Nobody but the fleet's owner, from nowhere but our own pages."""

import pytest
from made_telemetry import HOST, KEYS, ORIGIN, OTLP, WRITES, many_orders
from starlette.testclient import TestClient

PLACES = ("/", "/logs", "/api/resources", "/part/map", "/stream", "/static/live.js")
STOP = "/api/resources/orders/stop"


@pytest.mark.parametrize("path", PLACES)
def test_without_the_token_nothing_is_shown(anyone: TestClient, path: str) -> None:
    """Neither pages nor data nor the code of the pages."""
    answer = anyone.get(path)

    assert answer.status_code == 401
    assert "orders" not in answer.text


def test_token_is_exchanged_for_a_cookie_and_leaves_the_address(
    anyone: TestClient,
) -> None:
    """The cookie is out of reach of scripts and of other sites, and not the token."""
    answer = anyone.get("/login", params={"t": KEYS.token})

    cookie = answer.headers["set-cookie"]
    assert answer.headers["location"] == "/"
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert KEYS.token not in cookie
    assert anyone.get("/").status_code == 200


def test_wrong_tokens_are_counted(anyone: TestClient) -> None:
    """After ten a minute not even the right one is looked at."""
    codes = [anyone.get("/login?t=wrong").status_code for _ in range(10)]

    assert codes == [401] * 10
    assert anyone.get("/login", params={"t": KEYS.token}).status_code == 429


@pytest.mark.parametrize("scheme", ("Bearer", "bearer"))
def test_wrong_bearer_tokens_are_counted_as_well(
    anyone: TestClient, scheme: str
) -> None:
    """With those of the address: whoever guesses does not choose where."""
    wrong = {"authorization": f"{scheme} no"}
    right = {"authorization": f"Bearer {KEYS.token}"}
    codes = [anyone.get("/login?t=wrong").status_code for _ in range(5)]
    codes += [anyone.get("/api/status", headers=wrong).status_code for _ in range(5)]

    assert codes == [401] * 10
    assert anyone.get("/api/status", headers=right).status_code == 429
    assert anyone.get("/login", params={"t": KEYS.token}).status_code == 429


def test_cookie_holds_while_tokens_are_not_looked_at(browser: TestClient) -> None:
    """The owner's open page does not suffer from somebody who guesses."""
    for _ in range(12):
        browser.get("/api/status", headers={"authorization": "Bearer no"})

    assert browser.get("/api/status").status_code == 200


def test_program_of_the_owner_shows_the_token_itself(anyone: TestClient) -> None:
    """As a bearer token, right or not at all."""
    right = {"authorization": f"Bearer {KEYS.token}"}
    wrong = {"authorization": "Bearer no"}

    assert anyone.get("/api/resources", headers=right).status_code == 200
    assert anyone.get("/api/resources", headers=wrong).status_code == 401


@pytest.mark.parametrize(
    "host",
    ("evil.example", "127.0.0.1", "127.0.0.1:80", "localhost.evil.example:9400", ""),
)
def test_name_that_is_not_ours_is_refused(browser: TestClient, host: str) -> None:
    """A name of somebody else that leads to this machine is not enough."""
    assert browser.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    (
        {},
        {"origin": ORIGIN},
        {"x-fleet-console": "1"},
        {"origin": "http://evil.example", "x-fleet-console": "1"},
        {"origin": "http://127.0.0.1:9401", "x-fleet-console": "1"},
        {"origin": "null", "x-fleet-console": "1"},
        {**WRITES, "sec-fetch-site": "cross-site"},
    ),
)
def test_page_of_another_site_changes_nothing(
    browser: TestClient, headers: dict[str, str]
) -> None:
    """Not by a form, not by a script, not from another port of this machine."""
    assert browser.post(STOP, json={}, headers=headers).status_code == 403


def test_other_site_does_not_read_the_stream(browser: TestClient) -> None:
    """Even with the cookie."""
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "same-site"}):
        assert browser.get("/stream", headers=headers).status_code == 403


def test_answers_forbid_what_a_page_does_not_need(browser: TestClient) -> None:
    """No script but ours, no frame, nothing for other origins."""
    headers = browser.get("/").headers

    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers
    assert headers["x-content-type-options"] == "nosniff"


def test_telemetry_needs_its_own_key(anyone: TestClient) -> None:
    """The browser's token does not do, nor does none."""
    body = many_orders(1)
    kind = {"content-type": OTLP["content-type"]}
    for key in ({}, {"x-otlp-api-key": KEYS.token}, {"x-otlp-api-key": ""}):
        answer = anyone.post("/v1/traces", content=body, headers={**kind, **key})
        assert answer.status_code == 401

    right = anyone.post("/v1/traces", content=body, headers=OTLP)
    forged = {**OTLP, "host": "evil.example"}
    assert right.status_code == 200
    assert anyone.post("/v1/traces", content=body, headers=forged).status_code == 421
    assert HOST in ORIGIN
