"""Pairs of schemas about objects and lists; see `scalars` for what the rows mean."""

from typing import Any

from matrix.scalars import Row, integer, number, text


def record(**keywords: Any) -> dict[str, Any]:
    """Return the schema of objects."""
    return {"type": "object", **keywords}


def row(**keywords: Any) -> dict[str, Any]:
    """Return the schema of lists."""
    return {"type": "array", **keywords}


A = {"a": integer()}
AB = {"a": integer(), "b": text()}

NARROWER: list[Row] = [
    ("required", record(required=["a"]), record()),
    ("more required", record(required=["a", "b"]), record(required=["a"])),
    ("property", record(properties=A), record(properties={"a": number()})),
    ("property, none", record(properties=A), record()),
    ("one more property", record(properties=AB), record(properties=A)),
    ("closed", record(properties=A, additionalProperties=False), record(properties=A)),
    (
        "closed, more declared",
        record(properties=A, additionalProperties=False),
        record(properties=AB, additionalProperties=False),
    ),
    (
        "closed and required",
        record(properties=A, required=["a"], additionalProperties=False),
        record(properties=A, additionalProperties=False),
    ),
    (
        "values of a dict",
        record(additionalProperties=integer()),
        record(additionalProperties=number()),
    ),
    ("dict, object", record(additionalProperties=integer()), record(properties=A)),
    ("closed empty", record(additionalProperties=False), record(maxProperties=1)),
    (
        "closed, dict",
        record(properties=A, additionalProperties=False),
        record(additionalProperties=integer()),
    ),
    ("maxProperties", record(maxProperties=1), record(maxProperties=2)),
    ("minProperties", record(minProperties=2), record(minProperties=1)),
    ("required, minProperties", record(required=["a", "b"]), record(minProperties=2)),
    (
        "closed, maxProperties",
        record(properties=AB, additionalProperties=False),
        record(maxProperties=2),
    ),
    (
        "pattern, closed",
        record(patternProperties={"^a": integer()}, additionalProperties=False),
        record(patternProperties={"^a": number()}),
    ),
    (
        "patterns that contain one another",
        record(patternProperties={"^a": integer()}),
        record(patternProperties={"^ab": integer()}),
    ),
    (
        "pattern, property",
        record(patternProperties={"^a$": integer()}),
        record(properties={"a": number()}),
    ),
    (
        "names by pattern",
        record(propertyNames={"pattern": "^ab"}),
        record(propertyNames={"pattern": "^a"}),
    ),
    (
        "names by length",
        record(propertyNames={"maxLength": 2}),
        record(propertyNames={"maxLength": 3}),
    ),
    (
        "names listed",
        record(propertyNames={"enum": ["a"]}),
        record(propertyNames={"enum": ["a", "b"]}),
    ),
    (
        "always there, depends",
        record(required=["a", "b"]),
        record(dependentRequired={"a": ["b"]}),
    ),
    (
        "depends on less",
        record(dependentRequired={"a": ["b", "c"]}),
        record(dependentRequired={"a": ["b"]}),
    ),
    (
        "never there, depends",
        record(properties={"a": False}),
        record(dependentRequired={"a": ["b"]}),
    ),
    (
        "dependent schema",
        record(dependentSchemas={"a": {"required": ["b", "c"]}}),
        record(dependentSchemas={"a": {"required": ["b"]}}),
    ),
    (
        "unevaluated, closed by parts",
        {
            "type": "object",
            "allOf": [{"properties": A}],
            "unevaluatedProperties": False,
        },
        record(properties=A),
    ),
    (
        "unevaluated beside branches",
        record(
            anyOf=[{"properties": A, "required": ["a"]}],
            unevaluatedProperties=False,
        ),
        record(properties=A, required=["a"]),
    ),
    ("deep", record(properties={"a": record(properties=A)}), record()),
    (
        "deep required",
        record(properties={"x": record(required=["a"])}, required=["x"]),
        record(properties={"x": record()}, required=["x"]),
    ),
    ("items", row(items=integer()), row(items=number())),
    ("items, none", row(items=integer()), row()),
    ("minItems", row(minItems=2), row(minItems=1)),
    ("maxItems", row(maxItems=1), row(maxItems=2)),
    ("unique", row(uniqueItems=True), row()),
    ("one item, unique", row(maxItems=1), row(uniqueItems=True)),
    (
        "few unique ones, a short list",
        row(items={"enum": [1, 2]}, uniqueItems=True),
        row(maxItems=2),
    ),
    ("tuple, list", row(prefixItems=[integer()], items=False), row(items=integer())),
    (
        "tuple of numbers",
        row(prefixItems=[integer(), text()]),
        row(prefixItems=[number(), text()]),
    ),
    (
        "longer tuple",
        row(prefixItems=[integer(), text()]),
        row(prefixItems=[integer()]),
    ),
    (
        "fixed tuple",
        row(prefixItems=[integer()], items=False, minItems=1),
        row(minItems=1, maxItems=1),
    ),
    ("contains", row(contains=integer()), row(contains=number())),
    ("contains, not empty", row(contains=integer()), row(minItems=1)),
    ("all are, contains", row(items=integer(), minItems=1), row(contains=integer())),
    (
        "contains two, one",
        row(contains=integer(), minContains=2),
        row(contains=integer()),
    ),
    (
        "contains at most",
        row(contains=integer(), minContains=0, maxContains=1),
        row(contains=integer(), minContains=0, maxContains=2),
    ),
    (
        "contains none",
        row(items=text()),
        row(contains=integer(), minContains=0, maxContains=0),
    ),
    (
        "two of one kind, one of another",
        {"allOf": [row(contains=integer(), minContains=2), row(contains=text())]},
        row(minItems=3),
    ),
    (
        "contains at a place",
        row(prefixItems=[integer()], minItems=1),
        row(contains=integer()),
    ),
    (
        "unevaluated items",
        row(prefixItems=[integer()], unevaluatedItems=False),
        row(maxItems=1),
    ),
    ("items of items", row(items=row(items=integer())), row(items=row())),
    ("empty list", row(maxItems=0), row(items=text())),
    ("no item possible", row(items=False), row(items=text(), maxItems=3)),
]

EQUAL: list[Row] = [
    (
        "what depends on a property says nothing of lists",
        {
            "type": "array",
            "dependentSchemas": {"b": {"items": True}},
            "unevaluatedItems": False,
        },
        {"type": "array", "maxItems": 0},
    ),
    ("order of properties", record(properties=A), record(properties=dict(A))),
    ("closed empty", record(additionalProperties=False), record(maxProperties=0)),
    (
        "forbidden name",
        record(properties={"a": False}),
        {"type": "object", "not": {"required": ["a"]}},
    ),
    ("required by names", record(required=["a", "b"]), record(required=["b", "a"])),
    (
        "closed twice",
        record(properties=A, additionalProperties=False),
        record(properties=A, unevaluatedProperties=False),
    ),
    (
        "names by pattern or closed",
        record(propertyNames={"pattern": "^a$"}),
        record(patternProperties={"^a$": {}}, additionalProperties=False),
    ),
    (
        "dependent schema or names",
        record(dependentSchemas={"a": {"required": ["b"]}}),
        record(dependentRequired={"a": ["b"]}),
    ),
    (
        "a pattern for one name",
        record(patternProperties={"^a$": integer()}),
        record(properties=A),
    ),
    ("no items", row(maxItems=0), row(items=False)),
    ("contains anything", row(contains={}), row(minItems=1)),
    ("items and unevaluated", row(items=integer()), row(unevaluatedItems=integer())),
    (
        "closed tuple",
        row(prefixItems=[integer()], items=False),
        row(prefixItems=[integer()], maxItems=1),
    ),
    (
        "required and forbidden",
        record(properties={"a": False}, required=["a"]),
        False,
    ),
    ("too few names", record(propertyNames={"enum": ["a"]}, minProperties=2), False),
    (
        "too few values",
        row(items={"enum": [1, 2]}, uniqueItems=True, minItems=3),
        False,
    ),
    ("contains what cannot be", row(items=text(), contains=integer()), False),
    (
        "a match of values",
        row(
            prefixItems=[{"enum": [1, 2]}, {"const": 1}, {"const": 2}],
            minItems=3,
            uniqueItems=True,
        ),
        False,
    ),
]

CROSSING: list[Row] = [
    ("other names required", record(required=["a"]), record(required=["b"])),
    ("other types", record(properties={"a": text()}), record(properties=A)),
    (
        "closed otherwise",
        record(properties={"a": {}}, additionalProperties=False),
        record(properties={"b": {}}, additionalProperties=False),
    ),
    ("optional and typed", record(required=["a"]), record(properties=A)),
    ("other items", row(items=text()), row(items=integer())),
    ("length and unique", row(maxItems=2), row(uniqueItems=True)),
    ("tuples", row(prefixItems=[text()]), row(prefixItems=[integer()])),
    ("contains", row(contains=text()), row(contains=integer())),
    ("few and many", record(maxProperties=1), record(required=["a"])),
]
