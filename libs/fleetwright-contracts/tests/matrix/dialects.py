"""Pairs of schemas in older drafts and in OpenAPI; see `scalars` for the rows."""

from matrix.scalars import Row, integer, number, text

from fleetwright_contracts import (
    DRAFT_4,
    DRAFT_6,
    DRAFT_7,
    DRAFT_2019,
    OPENAPI_30,
    OPENAPI_31,
    Dialect,
)

_ITEMS = {"items": [integer(), text()], "additionalItems": False}
_ANCHOR = {"$id": "#it", "type": "integer"}

NARROWER: list[tuple[Dialect, Row]] = [
    (
        DRAFT_4,
        (
            "exclusive as a flag",
            number(minimum=1, exclusiveMinimum=True),
            number(minimum=1),
        ),
    ),
    (DRAFT_4, ("const is not known", text(), {"const": 1})),
    (DRAFT_4, ("items as a list", _ITEMS, {"items": [number()]})),
    (
        DRAFT_4,
        (
            "dependencies",
            {"dependencies": {"a": ["b", "c"]}},
            {"dependencies": {"a": ["b"]}},
        ),
    ),
    (
        DRAFT_4,
        (
            "ref alone",
            {"$ref": "#/definitions/x", "definitions": {"x": integer()}},
            {
                "$ref": "#/definitions/x",
                "maximum": 1,
                "definitions": {"x": number()},
            },
        ),
    ),
    (DRAFT_6, ("exclusive", number(exclusiveMinimum=1), number(minimum=1))),
    (DRAFT_6, ("const", {"const": 1}, integer())),
    (DRAFT_6, ("contains", {"contains": integer()}, {"contains": number()})),
    (DRAFT_6, ("booleans", {"items": False}, {"items": integer()})),
    (
        DRAFT_7,
        (
            "if",
            {"if": text(), "then": text(minLength=2)},
            {"if": text(), "then": text(minLength=1)},
        ),
    ),
    (
        DRAFT_7,
        (
            "an id that is an anchor",
            {"$ref": "#it", "definitions": {"x": _ANCHOR}},
            number(),
        ),
    ),
    (DRAFT_7, ("items as a list", _ITEMS, {"maxItems": 2})),
    (
        DRAFT_2019,
        (
            "items as a list",
            {"type": "array", "items": [integer()], "additionalItems": False},
            {"type": "array", "items": [integer()]},
        ),
    ),
    (
        DRAFT_2019,
        (
            "contains at least",
            {"contains": integer(), "minContains": 2},
            {"contains": integer()},
        ),
    ),
    (
        DRAFT_2019,
        (
            "recursive",
            {
                "$recursiveAnchor": True,
                "additionalProperties": {"$recursiveRef": "#"},
                "type": "object",
            },
            {"type": "object"},
        ),
    ),
    (OPENAPI_30, ("nullable", text(), text(nullable=True))),
    (
        OPENAPI_30,
        (
            "nullable enum",
            text(enum=["a"]),
            text(enum=["a"], nullable=True),
        ),
    ),
    (
        OPENAPI_30,
        ("exclusive", number(minimum=0, exclusiveMinimum=True), number(minimum=0)),
    ),
    (OPENAPI_30, ("int32, int64", integer(format="int32"), integer(format="int64"))),
    (OPENAPI_30, ("uuid", text(format="uuid"), text())),
    (OPENAPI_30, ("byte", text(format="byte"), text())),
    (OPENAPI_31, ("date", text(format="date"), text())),
    (
        OPENAPI_31,
        ("uuid and length", text(format="uuid"), {"type": ["string", "null"]}),
    ),
]

EQUAL: list[tuple[Dialect, Row]] = [
    (DRAFT_4, ("a flag alone", number(), number(exclusiveMinimum=True))),
    (
        DRAFT_7,
        (
            "ref alone",
            {"$ref": "#/definitions/x", "minimum": 3, "definitions": {"x": integer()}},
            integer(),
        ),
    ),
    (DRAFT_7, ("prefixItems is not known", {"prefixItems": [text()]}, {})),
    (OPENAPI_30, ("a format for people", text(format="password"), text())),
    (OPENAPI_31, ("nullable is not known", text(nullable=True), text())),
]
