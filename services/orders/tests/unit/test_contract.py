"""What orders promises over HTTP."""

from typing import Any

import pytest

from fleetwright.testing import exposed_properties, unbounded_requests, unkeyed_posts
from orders.app import create_app
from orders.settings import OrdersSettings


@pytest.fixture
def promised() -> dict[str, Any]:
    """Return the OpenAPI description of orders."""
    settings = OrdersSettings(
        database_url="sqlite+aiosqlite://", broker_url="memory://promised"
    )
    return create_app(settings).openapi()


def test_every_operation_is_described(promised: dict[str, Any]) -> None:
    """Each has a summary, a description and a tag that is explained."""
    tags = {tag["name"] for tag in promised["tags"]}

    for path in promised["paths"].values():
        for operation in path.values():
            assert operation["summary"]
            assert operation["description"]
            assert set(operation["tags"]) <= tags


def test_nothing_goes_in_or_out_that_is_not_declared(promised: dict[str, Any]) -> None:
    """A misspelt field is refused, and no answer holds more than it promises."""
    assert exposed_properties(promised) == []


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/cancellations"])
def test_both_posts_require_a_key(promised: dict[str, Any], path: str) -> None:
    """The header is promised as required although it is read by hand."""
    [parameter] = promised["paths"][path]["post"]["parameters"]

    assert parameter["name"] == "Idempotency-Key"
    assert parameter["required"] is True


def test_bad_lines_are_promised_in_full(promised: dict[str, Any]) -> None:
    """A client can read from the promise what a refused line looks like."""
    refused = promised["paths"]["/v1/orders"]["post"]["responses"]["422"]["content"]

    lines = refused["application/problem+json"]["schema"]["properties"]["lines"]
    kinds = lines["anyOf"][0]["items"]["properties"]["kind"]["enum"]
    assert kinds == ["odd_code", "unknown_product", "quantity_not_positive"]


def test_one_request_has_an_end(promised: dict[str, Any]) -> None:
    """Pages of 100 at most, and no list without a length."""
    assert unbounded_requests(promised) == []


def test_nothing_is_done_twice(promised: dict[str, Any]) -> None:
    """Every POST requires the key that tells a repetition from a new request."""
    assert unkeyed_posts(promised) == []
