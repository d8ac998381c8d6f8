"""Random schemas that share few names and values, so that they meet."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Schema = Any

TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
NAMES = st.sampled_from(["a", "b", "c", "ab"])
SMALL = st.integers(0, 3)
PATTERNS = st.sampled_from(
    ["^a", "b$", "^[ab]*$", "^a?b?$", "a|1", "^.$", "^(?=.*a)[a-z]+$", "^(ab)+$"]
)
SCALARS = st.sampled_from(
    [None, True, False, 0, 1, 2, -1, 0.5, 3, 6, "", "a", "b", "ab", "aa", "1"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)


def keywords(inner: st.SearchStrategy[Schema]) -> dict[str, st.SearchStrategy[Any]]:
    """Return what each keyword may say, with schemas inside."""
    several = st.lists(inner, min_size=1, max_size=3)
    by_name = st.dictionaries(NAMES, inner, max_size=3)
    names = st.lists(NAMES, max_size=2, unique=True)
    return {
        **_scalar_keywords(),
        "items": inner,
        "prefixItems": st.lists(inner, min_size=1, max_size=2),
        "contains": inner,
        "unevaluatedItems": inner,
        "properties": by_name,
        "required": names,
        "additionalProperties": inner,
        "patternProperties": st.dictionaries(PATTERNS, inner, max_size=2),
        "propertyNames": inner,
        "dependentRequired": st.dictionaries(NAMES, names, max_size=1),
        "dependentSchemas": st.dictionaries(NAMES, inner, max_size=1),
        "unevaluatedProperties": inner,
        "allOf": several,
        "anyOf": several,
        "oneOf": several,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "$ref": st.sampled_from(["#", "#/$defs/x", "#/$defs/y"]),
    }


def _scalar_keywords() -> dict[str, st.SearchStrategy[Any]]:
    """Return what the keywords may say that hold no schemas."""
    types = st.sampled_from(TYPES)
    return {
        "type": types | st.lists(types, min_size=1, max_size=3, unique=True),
        "enum": st.lists(VALUES, min_size=1, max_size=4),
        "const": VALUES,
        "minimum": st.sampled_from([0, 1, -1, 0.5, 2]),
        "maximum": st.sampled_from([0, 1, 3, 2.5]),
        "exclusiveMinimum": st.sampled_from([0, 1, -1]),
        "exclusiveMaximum": st.sampled_from([1, 2, 3]),
        "multipleOf": st.sampled_from([1, 2, 3, 0.5, 1.5]),
        "minLength": SMALL,
        "maxLength": SMALL,
        "pattern": PATTERNS,
        "minItems": SMALL,
        "maxItems": SMALL,
        "uniqueItems": st.booleans(),
        "minContains": SMALL,
        "maxContains": SMALL,
        "minProperties": SMALL,
        "maxProperties": SMALL,
    }


def objects(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    """Return schemas that are objects of a few keywords."""
    said = keywords(inner)
    chosen = st.lists(st.sampled_from(sorted(said)), max_size=4, unique=True)
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries({name: said[name] for name in names})
    )


PARTS = st.recursive(st.booleans() | objects(st.booleans()), objects, max_leaves=6)


@st.composite
def schemas(draw: Callable[..., Any]) -> Schema:
    """Return a schema with two named parts that may lead to one another."""
    schema = draw(PARTS)
    if isinstance(schema, bool):
        return schema
    return {**schema, "$defs": {"x": draw(PARTS), "y": draw(PARTS)}}


@st.composite
def changed(draw: Callable[..., Any], schema: Schema) -> Schema:
    """Return a schema that differs from another in one place, as releases do."""
    if isinstance(schema, list) and schema:
        place = draw(st.integers(0, len(schema) - 1))
        inner = draw(changed(schema[place]))
        return [*schema[:place], inner, *schema[place + 1 :]]
    if not isinstance(schema, dict) or not schema:
        return draw(PARTS)
    name = draw(st.sampled_from(sorted(schema)))
    said = keywords(PARTS)
    choice = draw(st.integers(0, 3))
    if choice == 0 and name != "$defs":
        return {key: value for key, value in schema.items() if key != name}
    if choice == 1 and name in said:
        return {**schema, name: draw(said[name])}
    if choice == 2:
        new = draw(st.sampled_from(sorted(said)))
        return {**schema, new: draw(said[new])} if "$defs" in schema else schema
    if isinstance(schema[name], dict | list):
        return {**schema, name: draw(changed(schema[name]))}
    return schema
