"""Pairs of schemas about numbers, texts and lists of values.

Each row of `NARROWER` is (name, narrow, wide): the narrow one fits the wide one, and
the wide one breaks the narrow one. `EQUAL` fit both ways, `CROSSING` break both ways.
"""

from typing import Any

Row = tuple[str, Any, Any]
UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def integer(**keywords: Any) -> dict[str, Any]:
    """Return the schema of integers."""
    return {"type": "integer", **keywords}


def number(**keywords: Any) -> dict[str, Any]:
    """Return the schema of numbers."""
    return {"type": "number", **keywords}


def text(**keywords: Any) -> dict[str, Any]:
    """Return the schema of texts."""
    return {"type": "string", **keywords}


def matching(pattern: str) -> dict[str, Any]:
    """Return the schema of texts in which an expression is found."""
    return text(pattern=pattern)


NARROWER: list[Row] = [
    ("nothing, anything", False, True),
    ("nothing, text", False, text()),
    ("integer, number", integer(), number()),
    ("integer, anything", integer(), {}),
    ("null, nullable", {"type": "null"}, {"type": ["null", "string"]}),
    ("text, text or number", text(), {"type": ["string", "number"]}),
    ("boolean, boolean or null", {"type": "boolean"}, {"type": ["boolean", "null"]}),
    ("integer, integer or text", integer(), {"type": ["integer", "string"]}),
    ("list, any", {"type": "array"}, {"type": ["array", "object"]}),
    ("object, any", {"type": "object"}, {"not": {"type": "array"}}),
    ("enum, longer enum", {"enum": [1, 2]}, {"enum": [1, 2, 3]}),
    ("const, enum", {"const": "a"}, {"enum": ["a", "b"]}),
    ("enum, text", {"enum": ["a", "b"]}, text()),
    ("enum of kinds, kinds", {"enum": ["a", 1]}, {"type": ["string", "integer"]}),
    ("enum, pattern", {"enum": ["ab", "ac"]}, matching("^a")),
    ("enum, range", {"enum": [1, 5]}, number(minimum=1, maximum=5)),
    ("null, enum with null", {"type": "null"}, {"enum": [None, 0]}),
    ("true, boolean", {"const": True}, {"type": "boolean"}),
    ("const list, list", {"const": [1, 2]}, {"type": "array", "items": integer()}),
    ("const object, object", {"const": {"a": 1}}, {"required": ["a"]}),
    ("small range, enum", integer(minimum=1, maximum=2), {"enum": [1, 2, 3]}),
    ("minimum", number(minimum=2), number(minimum=1)),
    ("minimum of integers", integer(minimum=2), integer(minimum=1)),
    ("maximum", number(maximum=1), number(maximum=2)),
    ("exclusive minimum", number(exclusiveMinimum=1), number(minimum=1)),
    ("exclusive maximum", number(exclusiveMaximum=1), number(maximum=1)),
    ("a point, a range", number(minimum=1, maximum=1), number(minimum=0, maximum=2)),
    ("integers above, numbers", integer(exclusiveMinimum=0), number(minimum=1)),
    ("tenths", number(minimum=0.3), number(minimum=0.1)),
    ("far bounds", number(maximum=1e20), number(maximum=1e21)),
    ("negative bounds", number(maximum=-1), number(maximum=0)),
    ("range, no range", number(minimum=0, maximum=9), number()),
    ("multiple of 6, of 3", integer(multipleOf=6), integer(multipleOf=3)),
    ("multiple of 6, of 2", integer(multipleOf=6), integer(multipleOf=2)),
    ("multiple of 2, integer", number(multipleOf=2), integer()),
    ("integer, halves", integer(), number(multipleOf=0.5)),
    ("multiple of 0.2, of 0.1", number(multipleOf=0.2), number(multipleOf=0.1)),
    (
        "multiple of 2 and 3, of 6",
        {"allOf": [number(multipleOf=4), number(multipleOf=6)]},
        number(multipleOf=6),
    ),
    ("multiples in a gap", integer(multipleOf=5, minimum=1), integer(minimum=5)),
    ("not a multiple", {"type": "integer", "not": integer(multipleOf=2)}, integer()),
    ("minLength", text(minLength=2), text(minLength=1)),
    ("maxLength", text(maxLength=1), text(maxLength=2)),
    ("length, any", text(maxLength=3), text()),
    ("empty text, short text", text(maxLength=0), text(maxLength=1)),
    ("astral characters", {"const": "\U0001f600"}, text(maxLength=1)),
    ("pattern, any", matching("^a"), text()),
    ("sku", matching("^[A-Z]{3}-[0-9]{4}$"), matching("^[A-Z0-9-]{3,20}$")),
    ("digits", matching("^[0-9]{1,3}$"), matching("^[0-9]{1,5}$")),
    ("slug", matching("^[a-z0-9]+(-[a-z0-9]+)*$"), matching("^[a-z0-9-]+$")),
    ("uuid by hand", matching(UUID), matching("^[0-9a-f-]{36}$")),
    ("phone", matching(r"^\+?[1-9][0-9]{1,14}$"), matching(r"^\+?[0-9]{2,15}$")),
    ("length by pattern", matching("^.{1,255}$"), matching("^.{0,500}$")),
    ("words by length", matching(r"^\w{1,64}$"), matching(r"^\w{1,128}$")),
    ("choice", matching("^(GET|POST|PUT)$"), matching("^[A-Z]+$")),
    ("whole, part", matching("^abc$"), matching("b")),
    ("prefix", matching("^abc"), matching("^a")),
    ("suffix", matching("abc$"), matching("c$")),
    ("repeated", matching("^(ab){0,3}$"), matching("^(ab)*$")),
    ("optional part", matching("^ab$"), matching("^a?b?$")),
    ("dot leaves line ends out", matching("^.+$"), text(minLength=1)),
    ("lookahead", matching(r"^(?=.*[0-9])[a-z0-9]+$"), matching("[0-9]")),
    ("negative lookahead", matching(r"^(?!admin)[a-z]+$"), matching("^[a-z]+$")),
    ("password", matching(r"^(?=.*[A-Z])(?=.*\d).{8,}$"), text(minLength=8)),
    ("pattern, length", matching("^[a-z]{2,4}$"), text(minLength=2, maxLength=4)),
    (
        "length and pattern",
        text(pattern="^[a-z]*$", minLength=3),
        matching("^[a-z]{2,}$"),
    ),
    ("lazy is greedy", matching("^a+?$"), matching("^a*$")),
    ("named group", matching("^(?<year>[0-9]{4})$"), matching("^[0-9]+$")),
    ("escapes", matching(r"^\x41\u0042$"), matching("^[AB]+$")),
    ("negated class", matching("^[^@]+@[^@]+$"), matching("@")),
    ("categories", matching(r"^\p{Lu}$"), matching(r"^\p{L}$")),
    ("explodes when backtracked", matching("^(a+)+$"), matching("^a*$")),
    ("three letters", matching("^(a|b|c)$"), matching("^[a-d]$")),
]

EQUAL: list[Row] = [
    ("true and empty", True, {}),
    ("false and not", False, {"not": {}}),
    ("enum and const", {"enum": [1]}, {"const": 1}),
    ("order of an enum", {"enum": [1, 2]}, {"enum": [2, 1]}),
    ("1 and 1.0", {"const": 1}, {"const": 1.0}),
    ("boolean as enum", {"type": "boolean"}, {"enum": [True, False]}),
    ("null as enum", {"type": "null"}, {"enum": [None]}),
    ("one type as list", {"type": "string"}, {"type": ["string"]}),
    ("integer beside number", number(), {"type": ["integer", "number"]}),
    ("integer as multiple", integer(), number(multipleOf=1)),
    ("integers above 0", integer(minimum=1), integer(exclusiveMinimum=0)),
    ("integers above 0.5", integer(minimum=0.5), integer(minimum=1)),
    (
        "integers between",
        integer(minimum=0, maximum=1),
        {"enum": [0, 1]},
    ),
    ("dead keyword", text(), text(maximum=3)),
    ("annotations", text(), text(title="a", description="b", default="c")),
    ("format says nothing here", text(), text(format="uuid")),
    ("zero bounds", text(), text(minLength=0)),
    (
        "multiple of two",
        {"allOf": [number(multipleOf=2), number(multipleOf=3)]},
        number(multipleOf=6),
    ),
    ("a class twice", matching("^[a-zA-Z0-9]+$"), matching("^[0-9A-Za-z]+$")),
    ("plus and braces", matching("a+"), matching("a{1,}")),
    ("found anywhere", matching("a"), matching("^[^]*a[^]*$")),
    ("empty pattern", text(), matching("")),
    (
        "not above",
        {"type": "number", "not": number(minimum=1)},
        number(exclusiveMaximum=1),
    ),
    ("impossible range", number(minimum=2, maximum=1), False),
    ("impossible length", text(minLength=2, maxLength=1), False),
    ("impossible pattern", text(pattern="^aa$", maxLength=1), False),
    ("impossible multiple", integer(multipleOf=7, minimum=1, maximum=6), False),
    ("impossible enum", {"enum": ["a"], "type": "integer"}, False),
]

CROSSING: list[Row] = [
    ("text and number", text(), number()),
    ("list and object", {"type": "array"}, {"type": "object"}),
    ("null and false", {"type": "null"}, {"const": False}),
    ("true and 1", {"const": True}, {"const": 1}),
    ("0 and false", {"const": 0}, {"const": False}),
    ("ranges", number(minimum=0, maximum=2), number(minimum=1, maximum=3)),
    ("multiples", integer(multipleOf=2), integer(multipleOf=3)),
    ("enums", {"enum": [1, 2]}, {"enum": [2, 3]}),
    ("patterns", matching("^a"), matching("b$")),
    ("length and pattern", text(maxLength=2), matching("^a*$")),
    ("text and nullable number", text(), {"type": ["number", "null"]}),
    ("lists of values", {"const": [1, 2]}, {"const": [2, 1]}),
    ("objects as values", {"const": {"a": 1}}, {"const": {"a": 2}}),
]
