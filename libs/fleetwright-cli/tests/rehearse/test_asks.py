"""What a service is asked for, by fleet.toml or by the examples of its contract."""

from typing import Any

import pytest

from fleetwright_cli.fleet._rehearse import Sent
from fleetwright_cli.rehearse._asks import Ask, asks_of

KEY = {"name": "Idempotency-Key", "in": "header", "required": True}
CONTRACT: dict[str, Any] = {
    "paths": {
        "/v1/orders": {
            "get": {"parameters": [{"name": "page", "in": "query"}]},
            "post": {
                "parameters": [KEY],
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/New"}
                        }
                    }
                },
            },
        },
        "/v1/orders/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True}],
            "get": {},
        },
        "/v1/days/{day}": {
            "get": {
                "parameters": [
                    {"name": "day", "in": "path", "required": True, "example": "a b"},
                    {
                        "name": "zone",
                        "in": "query",
                        "required": True,
                        "schema": {"enum": ["CET", "UTC"]},
                    },
                ]
            }
        },
    },
    "components": {"schemas": {"New": {"examples": [{"sku": "71053"}]}}},
}


def test_examples_of_a_contract_are_asked_for() -> None:
    """Of parameters and of bodies; what has none is left out, with why."""
    found = asks_of(CONTRACT)

    assert list(found.over_and_over) == [
        Ask("GET", "/v1/orders"),
        Ask("POST", "/v1/orders", {"sku": "71053"}, is_keyed=True),
        Ask("GET", "/v1/days/a%20b?zone=CET"),
    ]
    assert found.left_out == {"GET /v1/orders/{id}": "no example of id"}


def test_what_fleet_toml_says_goes_before_the_examples() -> None:
    """The contract still knows whether a request has a key."""
    found = asks_of(
        CONTRACT,
        before=[Sent(send="PUT catalog/v1/products/1", body={"name": "x"})],
        requests=[
            Sent(send="POST /v1/orders?x=1", body={"sku": "{n}"}, share=2),
            Sent(send="POST /v1/quotes", repeatable=True),
            Sent(send="POST catalog/v1/orders"),
        ],
    )

    assert found.before[0].service == "catalog"
    keyed, harmless, plain = found.over_and_over
    assert (keyed.is_keyed, keyed.is_repeatable) == (True, True)
    assert (harmless.is_keyed, harmless.is_repeatable) == (False, True)
    assert (plain.service, plain.is_repeatable) == ("catalog", False)
    turns = found.endless()
    assert [next(turns) for _ in range(4)] == [keyed, keyed, harmless, plain]


def test_request_told_again_is_the_same() -> None:
    """Its key, its words and its UUID follow from its number alone."""
    ask = Ask("POST", "/v1/{n}", {"id": "{uuid}", "name": "{n}"}, is_keyed=True)

    first, again = ask.head_and_body("a-1", "token"), ask.head_and_body("a-1", "token")
    other = ask.head_and_body("a-2", "")

    assert first == again != other
    head, _, body = first.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/a-1 HTTP/1.1\r\n")
    assert b"Idempotency-Key: a-1" in head
    assert b"Authorization: Bearer token" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Authorization" not in other


def test_service_without_a_contract_is_asked_for_its_pages() -> None:
    """Those that can be asked for without knowing more."""
    found = asks_of(None, pages=["/", "/basket"])

    assert [one.path for one in found.over_and_over] == ["/", "/basket"]


@pytest.mark.parametrize("send", ["FETCH /v1", "GET v1", "GET", "GET /a b"])
def test_odd_requests_are_refused(send: str) -> None:
    """A method, a place, no blank."""
    with pytest.raises(ValueError, match="send"):
        Sent(send=send)
