"""Pairs of schemas made of others; see `scalars` for what the rows mean."""

from typing import Any

from matrix.insides import A, record, row
from matrix.scalars import Row, integer, number, text

CAT = record(
    properties={"kind": {"const": "cat"}, "lives": integer()}, required=["kind"]
)
DOG = record(properties={"kind": {"const": "dog"}, "bone": text()}, required=["kind"])
FISH = record(properties={"kind": {"const": "fish"}}, required=["kind"])
USER = record(properties={"name": text()}, required=["name"])
ORG = record(properties={"title": text()}, required=["title"])


def either(*parts: Any) -> dict[str, Any]:
    """Return `anyOf`."""
    return {"anyOf": list(parts)}


def one_of(*parts: Any) -> dict[str, Any]:
    """Return `oneOf`."""
    return {"oneOf": list(parts)}


def every(*parts: Any) -> dict[str, Any]:
    """Return `allOf`."""
    return {"allOf": list(parts)}


def tree(leaf: Any, **more: Any) -> dict[str, Any]:
    """Return the schema of a tree with values of one schema."""
    node = record(
        properties={
            "value": leaf,
            "children": row(items={"$ref": "#/$defs/node"}, **more),
        },
        required=["value"],
    )
    return {"$ref": "#/$defs/node", "$defs": {"node": node}}


def chain(leaf: Any, *, end: Any) -> dict[str, Any]:
    """Return the schema of a linked list with values of one schema."""
    return {
        "$ref": "#/$defs/link",
        "$defs": {
            "link": record(
                properties={
                    "value": leaf,
                    "next": either(end, {"$ref": "#/$defs/link"}),
                },
                required=["value", "next"],
            )
        },
    }


def nested(leaf: Any) -> dict[str, Any]:
    """Return the schema of lists in lists."""
    return {"anyOf": [leaf, row(items={"$ref": "#"})]}


def mutual(leaf: Any) -> dict[str, Any]:
    """Return two schemas that lead to each other."""
    return {
        "$ref": "#/$defs/even",
        "$defs": {
            "even": record(properties={"odd": {"$ref": "#/$defs/odd"}, "leaf": leaf}),
            "odd": record(
                properties={"even": {"$ref": "#/$defs/even"}}, required=["even"]
            ),
        },
    }


# A cycle whose last branch fails must not stay proved for what was concluded meanwhile.
MASKED_OLD = {
    "$ref": "#/$defs/a",
    "$defs": {
        "a": record(
            properties={"x": either({"$ref": "#/$defs/b"}, text()), "y": integer()}
        ),
        "b": record(properties={"z": {"$ref": "#/$defs/a"}}, required=["z"]),
    },
}
MASKED_NEW = {
    "$ref": "#/$defs/a",
    "$defs": {
        "a": record(
            properties={"x": either({"$ref": "#/$defs/b"}, text()), "y": number()}
        ),
        "b": record(properties={"z": {"$ref": "#/$defs/a"}}, required=["z"]),
    },
}
DEEPER = record(properties={"next": {"$ref": "#/anyOf/0"}}, required=["next"])
ENDLESS = record(properties={"next": {"$ref": "#"}}, required=["next"])

NARROWER: list[Row] = [
    ("a branch, the union", text(), either(text(), integer())),
    ("a union, a wider one", either(CAT, DOG), either(CAT, DOG, FISH)),
    ("tagged, one of", CAT, one_of(CAT, DOG)),
    ("tagged one of, wider", one_of(CAT, DOG), one_of(DOG, FISH, CAT)),
    ("untagged union", either(USER, ORG), either(USER, ORG, {"maxProperties": 0})),
    ("untagged branch", USER, either(ORG, USER)),
    ("union, kind", either(CAT, DOG), record()),
    (
        "union of ranges",
        number(minimum=0, maximum=1),
        either(number(maximum=0.5), number(minimum=0.25)),
    ),
    (
        "overlap of one of",
        one_of(integer(), number(minimum=3)),
        either(integer(), number(minimum=3)),
    ),
    (
        "parts, one part",
        every(record(required=["a"]), record(properties=A)),
        record(properties=A),
    ),
    ("more parts", every(text(minLength=1), text(maxLength=3)), text(maxLength=3)),
    (
        "parts by pattern",
        every(text(pattern="^a"), text(pattern="b$")),
        text(minLength=2),
    ),
    ("not a type", {"not": text()}, {"not": text(minLength=1)}),
    (
        "not an enum",
        {"type": "integer", "not": {"enum": [1, 2]}},
        {"not": {"const": 1}},
    ),
    (
        "not required",
        record(properties={"a": False, "b": False}),
        {"not": {"required": ["a"]}},
    ),
    (
        "not a closed object",
        record(required=["b"]),
        {"not": record(properties={"a": True}, additionalProperties=False)},
    ),
    (
        "if a tag, then",
        {
            "if": {"properties": {"kind": {"const": "cat"}}},
            "then": {"required": ["lives"]},
        },
        {},
    ),
    (
        "then is narrower",
        {"if": record(required=["a"]), "then": {"required": ["b", "c"]}},
        {"if": record(required=["a"]), "then": {"required": ["b"]}},
    ),
    (
        "if by range",
        {"type": "integer", "if": {"minimum": 10}, "then": {"multipleOf": 10}},
        integer(),
    ),
    ("ref, target", {"$ref": "#/$defs/x", "$defs": {"x": integer()}}, number()),
    (
        "ref and sibling",
        {"$ref": "#/$defs/x", "minimum": 3, "$defs": {"x": integer()}},
        integer(minimum=2),
    ),
    (
        "anchor",
        {"$ref": "#it", "$defs": {"x": {"$anchor": "it", "type": "integer"}}},
        number(),
    ),
    ("tree of integers, of numbers", tree(integer()), tree(number())),
    ("tree, object", tree(integer()), record(required=["value"])),
    ("narrow tree, tree", tree(text(), maxItems=2), tree(text())),
    (
        "trees by other names",
        tree(integer()),
        {
            "$ref": "#/$defs/other",
            "$defs": {
                "other": record(
                    properties={
                        "value": number(),
                        "children": row(items={"$ref": "#/$defs/other"}),
                    }
                )
            },
        },
    ),
    (
        "chain",
        chain(integer(), end={"type": "null"}),
        chain(number(), end={"type": "null"}),
    ),
    (
        "chain with another end",
        chain(text(), end={"type": "null"}),
        chain(text(), end={"type": ["null", "boolean"]}),
    ),
    ("lists in lists", nested(integer()), nested(number())),
    ("flat, nested", row(items=integer()), nested(integer())),
    ("one that leads to another", mutual(integer()), mutual(number())),
    ("masked failure", MASKED_OLD, MASKED_NEW),
    ("endless, never", False, record(required=["next"])),
    (
        "dynamic tree",
        {
            "$id": "https://x.test/strict",
            "$dynamicAnchor": "node",
            "$ref": "tree",
            "properties": {"value": integer()},
            "$defs": {
                "tree": {
                    "$id": "tree",
                    "$dynamicAnchor": "node",
                    "type": "object",
                    "properties": {"children": row(items={"$dynamicRef": "#node"})},
                }
            },
        },
        tree(integer())["$defs"]["node"]
        | {
            "required": [],
            "properties": {
                "children": row(items=record(properties={"value": integer()}))
            },
        },
    ),
]

EQUAL: list[Row] = [
    (
        "split over branches",
        integer(minimum=0),
        either(integer(minimum=5), {"enum": [0, 1, 2, 3, 4]}),
    ),
    (
        "split property",
        record(properties={"a": {"type": ["string", "null"]}}),
        either(
            record(properties={"a": text()}), record(properties={"a": {"type": "null"}})
        ),
    ),
    (
        "parts of a union",
        every(either(CAT, DOG), {"properties": {"kind": {"const": "cat"}}}),
        CAT,
    ),
    (
        "both sides of if",
        {"if": text(), "then": text(minLength=1), "else": integer()},
        either(text(minLength=1), integer()),
    ),
    ("order of a union", either(CAT, DOG), either(DOG, CAT)),
    ("order of one of", one_of(CAT, DOG), one_of(DOG, CAT)),
    ("tags make them disjoint", one_of(CAT, DOG), either(CAT, DOG)),
    ("types make them disjoint", one_of(text(), integer()), either(text(), integer())),
    ("a part alone", every(text()), text()),
    ("a branch alone", either(text()), text()),
    ("a branch twice", either(text(), text()), text()),
    ("twice in one of", one_of(text(), text()), False),
    ("nothing in a union", either(text(), False), text()),
    (
        "parts are one",
        every(number(minimum=0), number(maximum=9)),
        number(minimum=0, maximum=9),
    ),
    ("not not", {"not": {"not": text()}}, text()),
    (
        "not both",
        {"not": every(text(), {"minLength": 2})},
        either({"not": text()}, text(maxLength=1)),
    ),
    (
        "not either",
        {"not": either(text(), integer())},
        every({"not": text()}, {"not": integer()}),
    ),
    (
        "if as a choice",
        {"if": text(), "then": {"minLength": 1}},
        either({"not": text()}, text(minLength=1)),
    ),
    (
        "type list and union",
        {"type": ["string", "null"]},
        either(text(), {"type": "null"}),
    ),
    ("inlined ref", {"$ref": "#/$defs/x", "$defs": {"x": text()}}, text()),
    (
        "ref of ref",
        {"$ref": "#/$defs/x", "$defs": {"x": {"$ref": "#/$defs/y"}, "y": text()}},
        text(),
    ),
    (
        "parts of objects",
        every(record(required=["a"]), record(properties=A)),
        record(properties=A, required=["a"]),
    ),
    (
        "unrolled tree",
        tree(integer()),
        {
            **tree(integer()),
            "$ref": "#/$defs/top",
            "$defs": {
                **tree(integer())["$defs"],
                "top": tree(integer())["$defs"]["node"],
            },
        },
    ),
    (
        "renamed tree",
        tree(integer()),
        {
            "$ref": "#/$defs/n",
            "$defs": {
                "n": record(
                    properties={
                        "value": integer(),
                        "children": row(items={"$ref": "#/$defs/n"}),
                    },
                    required=["value"],
                )
            },
        },
    ),
    ("endless is impossible", ENDLESS, False),
    ("endless in a union", either(DEEPER, text()), text()),
    (
        "endless list is not",
        row(items={"$ref": "#"}),
        {"$ref": "#/$defs/l", "$defs": {"l": row(items={"$ref": "#/$defs/l"})}},
    ),
    ("union of two ranges", either(integer(maximum=0), integer(minimum=1)), integer()),
    ("both signs", either(number(exclusiveMaximum=0), number(minimum=0)), number()),
]

CROSSING: list[Row] = [
    ("other branches", either(CAT, DOG), either(DOG, FISH)),
    ("renamed tag", CAT, DOG),
    ("overlap", one_of(integer(), number(minimum=3)), integer(maximum=9)),
    ("trees", tree(text()), tree(integer())),
    (
        "chains with other ends",
        chain(text(), end={"type": "null"}),
        chain(text(), end={"type": "boolean"}),
    ),
    ("parts", every(text(), {"minLength": 1}), every(text(), {"maxLength": 3})),
    ("not", {"not": text()}, {"not": integer()}),
]
