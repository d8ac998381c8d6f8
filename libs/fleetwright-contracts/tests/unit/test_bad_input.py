"""Broken, endless and hostile schemas end soon, and with words."""

import time
from itertools import pairwise
from typing import Any

import pytest

from fleetwright_contracts import DRAFT_7, Verdict, compare_schemas

FASTEST_BOMB_SECONDS = 20.0


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "text"}, "`type` must be a type"),
        ({"minLength": -1}, "`minLength` must be a whole number"),
        ({"maxItems": 1.5}, "`maxItems` must be a whole number"),
        ({"minimum": "1"}, "`minimum` must be a number"),
        ({"multipleOf": 0}, "`multipleOf` must be a number above 0"),
        ({"required": "a"}, "`required` must be a list of names"),
        ({"dependentRequired": {"a": [{}]}}, "must be a list of names"),
        ({"dependentRequired": {"a": "b"}}, "must be a list of names"),
        ({"dependencies": {"a": ["b", 1]}}, "must be a list of names"),
        ({"properties": []}, "`properties` must be an object"),
        ({"anyOf": {}}, "`anyOf` must be a list of schemas"),
        ({"enum": 1}, "`enum` must be a list"),
        ({"pattern": 1}, "`pattern` must be a regular expression"),
        ({"properties": {"a": 3}}, "3 is no schema"),
        ({"prefixItems": {}}, "`prefixItems` must be a list of schemas"),
        ({"$ref": 1}, "`$ref` must be a reference"),
        ({"$ref": "#/$defs/a"}, "leads nowhere"),
        ({"$ref": "#a"}, "there is no such anchor"),
        ({"$ref": "#"}, "leads in a circle"),
        ({"$ref": "https://example.com/x.json"}, "leads to another document"),
        ({"$schema": "https://example.com/mine"}, "is not known"),
        ({"maximum": float("nan")}, "`maximum` must be a number"),
        ([], "[] is no schema"),
    ],
)
def test_broken_schema_is_unknown_with_the_reason(schema: Any, words: str) -> None:
    """What cannot be read is neither fine nor broken, and the reason says so."""
    judgement = compare_schemas({"type": "string"}, schema)

    assert judgement.verdict is Verdict.UNKNOWN
    assert words in judgement.reason


def test_nothing_is_fetched_but_documents_are_taken() -> None:
    """A reference to another document is followed only where it was handed over."""
    schema = {"$ref": "https://example.com/x.json#/$defs/a"}
    other = {"$defs": {"a": {"type": "integer"}}}

    alone = compare_schemas({"type": "string"}, schema)
    given = compare_schemas(
        {"type": "string"}, schema, documents={"https://example.com/x.json": other}
    )

    assert alone.verdict is Verdict.UNKNOWN
    assert (given.verdict, given.witness) == (Verdict.BREAKS, "")


@pytest.mark.parametrize(
    "pattern",
    [
        "(?<=a)b",
        r"(a)\1",
        r"\bword\b",
        "a(?=b)",
        "(" * 80 + ")" * 80,
        r"\p{Script=Greek}",
    ],
)
def test_pattern_beyond_us_is_unknown_and_not_wrong(pattern: str) -> None:
    """A pattern that is not decided never makes a comparison fit or break."""
    judgement = compare_schemas({"type": "string"}, {"pattern": pattern})

    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.reason


def bomb(levels: int) -> dict[str, Any]:
    """Return a schema that doubles at each of many levels."""
    names = [f"n{level}" for level in range(levels + 1)]
    parts: dict[str, Any] = {
        name: {"allOf": [{"$ref": f"#/$defs/{after}"}] * 2}
        for name, after in pairwise(names)
    }
    parts[names[-1]] = {"type": "integer"}
    return {"$ref": f"#/$defs/{names[0]}", "$defs": parts}


def choices(width: int, kind: str) -> dict[str, Any]:
    """Return a conjunction of many choices between untagged objects."""
    return {
        "allOf": [
            {
                "anyOf": [
                    {"properties": {f"{kind}{n}{m}": {"type": kind}}} for m in "abc"
                ]
            }
            for n in range(width)
        ]
    }


HOSTILE = {
    "doubling": (bomb(40), {"type": "number"}),
    "choices": (choices(14, "string"), choices(14, "integer")),
    "one of many": (
        {"oneOf": [{"required": [f"a{n}"]} for n in range(40)]},
        {"oneOf": [{"required": [f"b{n}"]} for n in range(40)]},
    ),
    "repeats of repeats": (
        {"pattern": "^(((a{99}){99}){99}){99}$"},
        {"pattern": "^b"},
    ),
    "empty repeats": ({"pattern": "^(((){999}){999}){999}$"}, {"pattern": "b"}),
    "backtracking": (
        {"pattern": "^(a+)+b?$", "minLength": 40},
        {"pattern": "^(a|a)*$", "maxLength": 300},
    ),
    "long texts": ({"type": "string", "minLength": 10**9}, {"maxLength": 3}),
    "long lists": ({"type": "array", "minItems": 10**9}, {"maxItems": 3}),
    "many names": ({"type": "object", "minProperties": 10**6}, {"maxProperties": 3}),
    "wide enum": ({"enum": list(range(20_000))}, {"enum": list(range(1, 20_000))}),
    "distinct": (
        {"type": "array", "uniqueItems": True, "minItems": 300, "items": {}},
        {"type": "array", "maxItems": 2},
    ),
    "fine multiples": (
        {"multipleOf": 1e-300, "type": "number"},
        {"not": {"multipleOf": 0.7}},
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_schema_ends_soon(name: str) -> None:
    """Whatever the answer is, it comes in bounded time."""
    sent, read = HOSTILE[name]
    began = time.monotonic()

    compare_schemas(sent, read)
    compare_schemas(read, sent)

    assert time.monotonic() - began < FASTEST_BOMB_SECONDS


@pytest.mark.parametrize(
    ("parts", "where"),
    [
        ({"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "#/$defs/"),
        ({"a": {"$ref": "https://example.com/x.json"}}, "#/$defs/a"),
        ({"a": {"properties": {"x": {"$ref": "#/no"}}}}, "#/$defs/a/properties/x"),
    ],
)
def test_reason_says_where_a_reference_leads_nowhere(
    parts: dict[str, Any], where: str
) -> None:
    """The place of the reference, not of what is compared."""
    schema = {"properties": {"p": {"$ref": "#/$defs/a"}}, "$defs": parts}

    judgement = compare_schemas({"properties": {"p": {"enum": [{"x": 1}]}}}, schema)

    assert judgement.verdict is Verdict.UNKNOWN
    assert f"(at {where}" in judgement.reason


def test_deep_nesting_ends_with_words() -> None:
    """A schema nested beyond any reason is told, not crashed on."""
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(3000):
        schema = {"items": schema}

    judgement = compare_schemas(schema, {"items": {"type": "string"}})

    assert judgement.verdict is Verdict.UNKNOWN
    assert "nested" in judgement.reason


def test_schema_that_contains_itself_in_memory_is_refused() -> None:
    """What YAML anchors can make is no endless loop."""
    schema: dict[str, Any] = {"type": "array"}
    schema["items"] = schema

    judgement = compare_schemas(schema, {"type": "array"})

    assert (judgement.verdict, judgement.reason) == (
        Verdict.UNKNOWN,
        "the document contains itself",
    )


def test_draft_is_taken_from_the_schema() -> None:
    """`$schema` decides how it is read, whatever the default is."""
    schema = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "minimum": 1,
        "exclusiveMinimum": True,
    }

    judgement = compare_schemas({"enum": [1]}, schema, dialect=DRAFT_7)

    assert (judgement.verdict, judgement.witness) == (Verdict.BREAKS, 1)
