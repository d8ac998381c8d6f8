"""What payments promises over HTTP."""

from typing import Any

import pytest

from fleetwright.testing import exposed_properties, unbounded_requests, unkeyed_posts
from payments.app import create_app
from payments.settings import PaymentsSettings


@pytest.fixture
def promised() -> dict[str, Any]:
    """Return the OpenAPI description of payments."""
    settings = PaymentsSettings(
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


@pytest.mark.parametrize("path", ["/v1/charges", "/v1/charges/{charge_id}/refunds"])
def test_both_posts_require_a_key(promised: dict[str, Any], path: str) -> None:
    """The header is promised as required although it is read by hand."""
    parameters = promised["paths"][path]["post"]["parameters"]

    [key] = [it for it in parameters if it["name"] == "Idempotency-Key"]
    assert key["required"] is True


def test_refusals_are_problem_documents(promised: dict[str, Any]) -> None:
    """They are promised in the media type they come in, and in no other."""
    for path in promised["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"]


def test_one_request_has_an_end(promised: dict[str, Any]) -> None:
    """Pages of 100 at most, and no list without a length."""
    assert unbounded_requests(promised) == []


def test_nothing_is_done_twice(promised: dict[str, Any]) -> None:
    """Every POST requires the key that tells a repetition from a new request."""
    assert unkeyed_posts(promised) == []
