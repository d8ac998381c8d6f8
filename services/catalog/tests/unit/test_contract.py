"""What catalog promises over HTTP."""

from typing import Any

import pytest

from catalog.app import create_app
from catalog.settings import CatalogSettings
from fleetwright.testing import exposed_properties, unbounded_requests


@pytest.fixture
def promised() -> dict[str, Any]:
    """Return the OpenAPI description of catalog."""
    return create_app(CatalogSettings(database_url="sqlite+aiosqlite://")).openapi()


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


def test_refusals_are_problem_documents(promised: dict[str, Any]) -> None:
    """422 is promised in the media type it comes in, and in no other."""
    refused = promised["paths"]["/v1/products/{sku}"]["put"]["responses"]["422"]

    assert list(refused["content"]) == ["application/problem+json"]


def test_one_request_has_an_end(promised: dict[str, Any]) -> None:
    """Pages of 100 at most, and no list without a length."""
    assert unbounded_requests(promised) == []
