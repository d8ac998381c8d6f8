"""What vouchers promises over HTTP."""

from typing import Any

import pytest

from fleetwright.flask import openapi
from fleetwright.testing import exposed_properties
from vouchers.app import create_app
from vouchers.settings import VouchersSettings


@pytest.fixture
def promised() -> dict[str, Any]:
    """Return the OpenAPI description of vouchers."""
    settings = VouchersSettings(
        database_url="sqlite:///promised.db", broker_url="memory://promised"
    )
    return openapi(create_app(settings))


def test_every_operation_is_described(promised: dict[str, Any]) -> None:
    """Each has a summary, a description and a tag that is explained."""
    tags = {tag["name"] for tag in promised["tags"]}

    operations = {
        f"{method} {path}": operation
        for path, methods in promised["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == {
        "post /v1/vouchers",
        "get /v1/vouchers/{code}",
        "post /v1/vouchers/{code}/redemptions",
        "get /v1/redemptions",
    }
    for operation in operations.values():
        assert operation["summary"]
        assert operation["description"]
        assert set(operation["tags"]) <= tags


def test_nothing_goes_in_or_out_that_is_not_declared(promised: dict[str, Any]) -> None:
    """A misspelt field is refused, and no answer holds more than it promises."""
    assert exposed_properties(promised) == []


@pytest.mark.parametrize("path", ["/v1/vouchers", "/v1/vouchers/{code}/redemptions"])
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


def test_callers_are_promised(promised: dict[str, Any]) -> None:
    """Who may spend is part of the contract."""
    spend = promised["paths"]["/v1/vouchers/{code}/redemptions"]["post"]

    assert spend["security"] == [{"token": ["vouchers:spend"]}]
    assert spend["x-callers"] == ["storefront"]
