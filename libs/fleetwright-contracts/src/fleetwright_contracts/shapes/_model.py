"""Shapes: what a value may look like, in one language for every schema language.

A shape is a condition on a JSON value. Conditions on texts say nothing about numbers,
as in JSON Schema: `Length(1, None)` holds for every number. Each shape exists once per
`Shapes`, so that equal shapes are the same object and cost one look to compare.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from fleetwright_contracts._values import ANY_KIND, Kind, Value


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A condition on a JSON value.

    Attributes:
        about: The kind it speaks of.
        number: When it was made: what is done in this order is done alike each time.
    """

    about: ClassVar[Kind] = ANY_KIND
    number: int = field(init=False, default=0)


@dataclass(frozen=True, slots=True, eq=False)
class Every(Shape):
    """All parts hold; with no part, anything holds."""

    parts: tuple[Shape, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Either(Shape):
    """At least one part holds; with no part, nothing does."""

    parts: tuple[Shape, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Named(Shape):
    """A shape by its name, or all that it is not: how recursion is written.

    Attributes:
        name: The name, with its width.
        negative: Whether the opposite is meant.
        stem: What it shares with the same schema read more narrowly or more widely.
        width: What is read more widely holds for all that is read more narrowly.
    """

    name: str
    negative: bool
    stem: str
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class OfKind(Shape):
    """The value is of one of some kinds."""

    kinds: Kind


@dataclass(frozen=True, slots=True, eq=False)
class Among(Shape):
    """The value is one of a list, which has thousands of values at times."""

    values: tuple[Value, ...]
    identities: frozenset[Hashable]


@dataclass(frozen=True, slots=True, eq=False)
class NotAmong(Shape):
    """The value is none of a list of nulls, booleans, numbers and texts."""

    values: tuple[Value, ...]
    identities: frozenset[Hashable]


@dataclass(frozen=True, slots=True, eq=False)
class AtLeast(Shape):
    """A number is not below a bound; `beyond` where the bound itself is excluded."""

    about: ClassVar[Kind] = Kind.NUMBER
    bound: Fraction
    beyond: bool


@dataclass(frozen=True, slots=True, eq=False)
class AtMost(Shape):
    """A number is not above a bound; `beyond` where the bound itself is excluded."""

    about: ClassVar[Kind] = Kind.NUMBER
    bound: Fraction
    beyond: bool


@dataclass(frozen=True, slots=True, eq=False)
class MultipleOf(Shape):
    """A number is, or is not, a whole multiple of a step."""

    about: ClassVar[Kind] = Kind.NUMBER
    step: Fraction
    negative: bool


@dataclass(frozen=True, slots=True, eq=False)
class Length(Shape):
    """A text has a number of characters; `most` is None where there is no end."""

    about: ClassVar[Kind] = Kind.STRING
    least: int
    most: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Matches(Shape):
    """A regular expression is, or is not, found in a text."""

    about: ClassVar[Kind] = Kind.STRING
    pattern: str
    negative: bool


@dataclass(frozen=True, slots=True, eq=False)
class HasFormat(Shape):
    """A text has, or has not, a format such as `uuid`."""

    about: ClassVar[Kind] = Kind.STRING
    format: str
    negative: bool


@dataclass(frozen=True, slots=True, eq=False)
class ItemCount(Shape):
    """A list has a number of items."""

    about: ClassVar[Kind] = Kind.ARRAY
    least: int
    most: int | None


@dataclass(frozen=True, slots=True, eq=False)
class ItemAt(Shape):
    """The item at a place, if there is one, has a shape."""

    about: ClassVar[Kind] = Kind.ARRAY
    place: int
    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class ItemsFrom(Shape):
    """Every item from a place on has a shape."""

    about: ClassVar[Kind] = Kind.ARRAY
    place: int
    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Holding(Shape):
    """Of the items from a place on, `least` to `most` have a shape."""

    about: ClassVar[Kind] = Kind.ARRAY
    place: int
    shape: Shape
    least: int
    most: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Distinct(Shape):
    """No two items of a list are equal, or (negative) some two are."""

    about: ClassVar[Kind] = Kind.ARRAY
    negative: bool


@dataclass(frozen=True, slots=True, eq=False)
class PropertyCount(Shape):
    """An object has a number of properties."""

    about: ClassVar[Kind] = Kind.OBJECT
    least: int
    most: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Properties(Shape):
    """Every property whose name has one shape has a value of another."""

    about: ClassVar[Kind] = Kind.OBJECT
    names: Shape
    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class SomeProperty(Shape):
    """Some property has a name of one shape and a value of another."""

    about: ClassVar[Kind] = Kind.OBJECT
    names: Shape
    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Opaque(Shape):
    """A condition that is not read, and why; whether it holds is never known."""

    reason: str
    label: str
    negative: bool
