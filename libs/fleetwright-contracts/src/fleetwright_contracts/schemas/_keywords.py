"""The keywords of JSON Schema that need no look beyond the schema they stand in."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from fleetwright_contracts._formats import FORMATS, UNCHECKED
from fleetwright_contracts._values import ANY_KIND, Kind, fraction
from fleetwright_contracts.errors import ContractError, Unreadable
from fleetwright_contracts.regexes import split_lookaheads
from fleetwright_contracts.schemas._places import Place
from fleetwright_contracts.shapes import Shape, Shapes

_KINDS = {
    "null": Kind.NULL,
    "boolean": Kind.BOOLEAN,
    "number": Kind.NUMBER,
    "integer": Kind.NUMBER,
    "string": Kind.STRING,
    "array": Kind.ARRAY,
    "object": Kind.OBJECT,
}
_BITS = {"int32": 31, "int64": 63}


def wrong(place: Place, keyword: str, wanted: str) -> Unreadable:
    """Return the error of a keyword whose value makes no sense.

    Args:
        place: The schema.
        keyword: The keyword.
        wanted: What its value should be.
    """
    found = repr(place.schema.get(keyword))[:80]
    return Unreadable(
        f"`{keyword}` must be {wanted}, and is {found}",
        where=f"{place.resource}#{place.inside(keyword)}",
    )


def number_at(place: Place, keyword: str) -> Any:
    """Return the number that a keyword says, None where it is not there.

    Args:
        place: The schema.
        keyword: The keyword.

    Raises:
        Unreadable: It is no number.
    """
    value = place.schema.get(keyword)
    if value is None and keyword not in place.schema:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise wrong(place, keyword, "a number")
    return value


def count_at(place: Place, keyword: str) -> int | None:
    """Return the count that a keyword says, None where it is not there.

    Args:
        place: The schema.
        keyword: The keyword.

    Raises:
        Unreadable: It is no whole number from 0 on.
    """
    value = number_at(place, keyword)
    if value is None:
        return None
    exact = fraction(value)
    if exact.denominator != 1 or exact < 0:
        raise wrong(place, keyword, "a whole number from 0 on")
    return int(exact)


def names_at(place: Place, keyword: str) -> list[str]:
    """Return the list of names that a keyword says; empty where it is not there.

    Args:
        place: The schema.
        keyword: The keyword.

    Raises:
        Unreadable: It is no list of texts.
    """
    return names_of(place, keyword, place.schema.get(keyword, []))


def names_of(place: Place, keyword: str, value: Any) -> list[str]:
    """Return a value that has to be a list of names.

    Args:
        place: The schema.
        keyword: The keyword that it belongs to.
        value: What was written.

    Raises:
        Unreadable: It is no list of texts.
    """
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise wrong(place, keyword, "a list of names")
    return value


def table_at(place: Place, keyword: str) -> dict[str, Any]:
    """Return the schemas by name that a keyword holds; empty where it is not there.

    Args:
        place: The schema.
        keyword: The keyword.

    Raises:
        Unreadable: It is no object.
    """
    value = place.schema.get(keyword, {})
    if not isinstance(value, dict):
        raise wrong(place, keyword, "an object")
    return value


def pattern_shape(shapes: Shapes, pattern: str) -> Shape:
    """Return the shape of texts in which an expression is found.

    Args:
        shapes: Who makes it.
        pattern: The expression.

    Returns:
        An opaque shape where the expression is beyond what can be decided.
    """
    try:
        parts = split_lookaheads(pattern)
    except ContractError as error:
        return shapes.opaque(error.message, f"pattern {pattern}")
    return shapes.every(
        shapes.matches(one, negative=negative) for one, negative in parts
    )


def simple_conditions(shapes: Shapes, place: Place) -> Iterator[Shape]:
    """Yield what the keywords say that hold no schemas.

    Args:
        shapes: Who makes the shapes.
        place: The schema, an object.

    Raises:
        Unreadable: A keyword has a value it cannot have.
    """
    for read in _READERS:
        yield from read(shapes, place)


def _type(shapes: Shapes, place: Place) -> Iterator[Shape]:
    """Yield what `type` says."""
    if "type" not in place.schema:
        return
    said = place.schema["type"]
    names = said if isinstance(said, list) else [said]
    if not all(isinstance(name, str) and name in _KINDS for name in names):
        raise wrong(place, "type", "a type of JSON Schema, or a list of them")
    kinds = Kind(0)
    for name in names:
        kinds |= _KINDS[name]
    if place.dialect.nullable and place.schema.get("nullable") is True:
        kinds |= Kind.NULL
    yield shapes.of_kind(kinds)
    if "integer" in names and "number" not in names:
        yield shapes.multiple_of(1)


def _values(shapes: Shapes, place: Place) -> Iterator[Shape]:
    """Yield what `enum` and `const` say."""
    schema = place.schema
    if "enum" in schema:
        if not isinstance(schema["enum"], list):
            raise wrong(place, "enum", "a list")
        nullable = place.dialect.nullable and schema.get("nullable") is True
        yield shapes.among([*schema["enum"], *([None] if nullable else [])])
    if "const" in schema and place.dialect.year >= 6:
        yield shapes.among([schema["const"]])


def _numbers(shapes: Shapes, place: Place) -> Iterator[Shape]:
    """Yield what is said about numbers."""
    makers: tuple[tuple[str, str, Callable[..., Shape]], ...] = (
        ("minimum", "exclusiveMinimum", shapes.at_least),
        ("maximum", "exclusiveMaximum", shapes.at_most),
    )
    for keyword, exclusive, make in makers:
        bound = number_at(place, keyword)
        if place.dialect.year == 4:
            if bound is not None:
                beyond = place.schema.get(exclusive) is True
                yield make(_exact(place, keyword, bound), beyond=beyond)
            continue
        if bound is not None:
            yield make(_exact(place, keyword, bound))
        bound = number_at(place, exclusive)
        if bound is not None:
            yield make(_exact(place, exclusive, bound), beyond=True)
    step = number_at(place, "multipleOf")
    if step is not None:
        if _exact(place, "multipleOf", step) <= 0:
            raise wrong(place, "multipleOf", "a number above 0")
        yield shapes.multiple_of(step)
    bits = _BITS.get(str(place.schema.get("format")))
    if bits and place.dialect.checks_formats:
        yield shapes.at_least(-(2**bits))
        yield shapes.at_most(2**bits - 1)


def _exact(place: Place, keyword: str, number: Any) -> Any:
    """Return a number without rounding."""
    try:
        return fraction(number)
    except ContractError:
        raise wrong(place, keyword, "a number that can be calculated with") from None


def _texts(shapes: Shapes, place: Place) -> Iterator[Shape]:
    """Yield what is said about texts."""
    yield shapes.length(count_at(place, "minLength") or 0, count_at(place, "maxLength"))
    pattern = place.schema.get("pattern")
    if pattern is not None:
        if not isinstance(pattern, str):
            raise wrong(place, "pattern", "a regular expression")
        yield pattern_shape(shapes, pattern)
    name = place.schema.get("format")
    if isinstance(name, str) and place.dialect.checks_formats:
        if name in FORMATS:
            yield shapes.has_format(name)
        elif name not in UNCHECKED:
            text = shapes.opaque(f"the format `{name}` is not known", f"format {name}")
            other = shapes.of_kind(ANY_KIND & ~Kind.STRING)
            yield shapes.either([other, text])


def _lists(shapes: Shapes, place: Place) -> Iterator[Shape]:
    """Yield what is said about lists as a whole."""
    yield shapes.item_count(
        count_at(place, "minItems") or 0, count_at(place, "maxItems")
    )
    if place.schema.get("uniqueItems") is True:
        yield shapes.distinct()


def _objects(shapes: Shapes, place: Place) -> Iterator[Shape]:
    """Yield what is said about objects as a whole, but `required`."""
    yield shapes.property_count(
        count_at(place, "minProperties") or 0, count_at(place, "maxProperties")
    )
    if place.dialect.year >= 2019 or "dependentRequired" in place.schema:
        for name, said in table_at(place, "dependentRequired").items():
            needed = names_of(place, "dependentRequired", said)
            yield depending(shapes, name, shapes.every(map(shapes.having, needed)))


def depending(shapes: Shapes, name: str, then: Shape) -> Shape:
    """Return the shape of objects for which something holds if they have a property.

    Args:
        shapes: Who makes it.
        name: The property.
        then: What holds for the object.
    """
    other = shapes.of_kind(ANY_KIND & ~Kind.OBJECT)
    without = shapes.properties(shapes.among([name]), shapes.nothing)
    return shapes.either([other, without, then])


_READERS = (_type, _values, _numbers, _texts, _lists, _objects)
