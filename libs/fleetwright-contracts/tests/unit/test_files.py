"""Two documents say themselves what they are."""

from typing import Any

import pytest
from openapi.shop import SHOP, changed

from fleetwright_contracts import DRAFT_4, Unreadable, compare


def test_descriptions_of_openapi_are_compared_as_such() -> None:
    """By operations."""
    found = compare(SHOP, changed("paths", "/orders", "post"))

    assert [one.rule for one in found] == ["operation-removed"]


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        ({"type": "integer"}, {"type": "number"}, ["schema-widened"]),
        ({"type": "number"}, {"type": "integer"}, ["schema-narrowed"]),
        ({"enum": [1]}, {"enum": [2]}, ["schema-narrowed", "schema-widened"]),
        ({"enum": [1]}, {"const": 1}, []),
        ({"pattern": r"\ba"}, {}, ["schema-widened-unknown"]),
        (True, {}, []),
    ],
)
def test_schemas_are_compared_both_ways(old: Any, new: Any, rules: list[str]) -> None:
    """Who sends and who reads by a plain schema is not known."""
    assert [one.rule for one in compare(old, new)] == rules


def test_dialect_of_schemas_is_the_one_that_is_named() -> None:
    """In draft 4 there is no `const`."""
    assert compare({"const": 1}, {"const": 2}, dialect=DRAFT_4) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (SHOP, {"type": "object"}, "the old one is a document of OpenAPI"),
        (SHOP, {"asyncapi": "3.0.0"}, "the new one a document of AsyncAPI"),
        ([], [], "none of OpenAPI, AsyncAPI, JSON Schema and protobuf"),
    ],
)
def test_documents_that_are_not_alike_are_refused(
    old: Any, new: Any, words: str
) -> None:
    """There is nothing to compare."""
    with pytest.raises(Unreadable, match=words):
        compare(old, new)
