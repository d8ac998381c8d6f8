"""The opposite of a shape, written without a `not`."""

from collections.abc import Iterable
from itertools import combinations

from fleetwright_contracts._values import ANY_KIND, Kind, Value, kind_of
from fleetwright_contracts.errors import Exhausted
from fleetwright_contracts.shapes._making import Shapes
from fleetwright_contracts.shapes._model import (
    Among,
    AtLeast,
    AtMost,
    Distinct,
    Either,
    Every,
    HasFormat,
    Holding,
    ItemAt,
    ItemCount,
    ItemsFrom,
    Length,
    Matches,
    MultipleOf,
    Named,
    NotAmong,
    OfKind,
    Opaque,
    Properties,
    PropertyCount,
    Shape,
    SomeProperty,
)

_MOST_BRANCHES = 100


def opposite(shapes: Shapes, shape: Shape) -> Shape:
    """Return the shape of exactly the values for which a shape does not hold.

    Args:
        shapes: Who made it.
        shape: The shape.
    """
    known = shapes.negations.get(shape)
    if known is None:
        known = _opposite(shapes, shape)
        shapes.negations[shape] = known
        shapes.negations.setdefault(known, shape)
    return known


def exactly_one(shapes: Shapes, parts: Iterable[Shape]) -> Shape:
    """Return the shape of values for which one part holds and no other.

    Args:
        shapes: Who made the parts.
        parts: The parts.

    Raises:
        Exhausted: There are too many.
    """
    order = list(parts)
    if len(order) > _MOST_BRANCHES:
        raise Exhausted(f"a `oneOf` has more than {_MOST_BRANCHES} branches")
    branches = []
    for part in order:
        rest = [
            opposite(shapes, other)
            for other in order
            if other is not part and shapes.kinds(other) & shapes.kinds(part)
        ]
        alone = order.count(part) == 1
        branches.append(shapes.every([part, *rest]) if alone else shapes.nothing)
    whole = shapes.either(branches)
    _remember_opposite(shapes, whole, order)
    return whole


def _remember_opposite(shapes: Shapes, whole: Shape, order: list[Shape]) -> None:
    """Note that not exactly one is none or two, before it is worked out at length."""
    if whole in shapes.negations or len(order) < 2:
        return
    none = shapes.every(opposite(shapes, part) for part in order)
    two = [
        shapes.every([one, other])
        for one, other in combinations(order, 2)
        if shapes.kinds(one) & shapes.kinds(other)
    ]
    other = shapes.either([none, *two])
    shapes.negations[whole] = other
    shapes.negations.setdefault(other, whole)


def _opposite(shapes: Shapes, shape: Shape) -> Shape:
    """Return the opposite of a shape that was not asked for before."""
    match shape:
        case Every(parts):
            return shapes.either(opposite(shapes, part) for part in parts)
        case Either(parts):
            return shapes.every(opposite(shapes, part) for part in parts)
        case Named(_, negative, stem, width):
            return shapes.named(stem, width, negative=not negative)
        case OfKind(kinds):
            return shapes.of_kind(ANY_KIND & ~kinds)
        case Among(values, _):
            return _none_of(shapes, values)
        case NotAmong(values, _):
            return shapes.among(values)
        case Opaque(reason, label, negative):
            return shapes.opaque(reason, label, negative=not negative)
    return shapes.every([shapes.of_kind(shape.about), _atom(shapes, shape)])


def _atom(shapes: Shapes, shape: Shape) -> Shape:
    """Return the opposite among the values of the kind that the shape is about."""
    if shape.about in (Kind.NUMBER, Kind.STRING):
        return _scalar(shapes, shape)
    if shape.about is Kind.ARRAY:
        return _list(shapes, shape)
    match shape:
        case PropertyCount(least, most):
            return shapes.either(
                shapes.property_count(*span) for span in _outside(least, most)
            )
        case Properties(names, inner):
            return shapes.some_property(names, opposite(shapes, inner))
        case SomeProperty(names, inner):
            return shapes.properties(names, opposite(shapes, inner))
    raise TypeError(f"{shape} has no opposite")


def _scalar(shapes: Shapes, shape: Shape) -> Shape:
    """Return the opposite of a condition on numbers or texts."""
    match shape:
        case AtLeast(bound, beyond):
            return shapes.at_most(bound, beyond=not beyond)
        case AtMost(bound, beyond):
            return shapes.at_least(bound, beyond=not beyond)
        case MultipleOf(step, negative):
            return shapes.multiple_of(step, negative=not negative)
        case Length(least, most):
            return shapes.either(shapes.length(*span) for span in _outside(least, most))
        case Matches(pattern, negative):
            return shapes.matches(pattern, negative=not negative)
        case HasFormat(name, negative):
            return shapes.has_format(name, negative=not negative)
    raise TypeError(f"{shape} has no opposite")


def _list(shapes: Shapes, shape: Shape) -> Shape:
    """Return the opposite of a condition on lists."""
    match shape:
        case ItemCount(least, most):
            return shapes.either(
                shapes.item_count(*span) for span in _outside(least, most)
            )
        case ItemAt(place, inner):
            there = shapes.item_count(place + 1, None)
            other = shapes.item_at(place, opposite(shapes, inner))
            return shapes.every([there, other])
        case ItemsFrom(place, inner):
            return shapes.holding(opposite(shapes, inner), 1, None, place=place)
        case Holding(place, inner, least, most):
            return shapes.either(
                shapes.holding(inner, *span, place=place)
                for span in _outside(least, most)
            )
        case Distinct(negative):
            return shapes.distinct(negative=not negative)
    raise TypeError(f"{shape} has no opposite")


def _outside(least: int, most: int | None) -> list[tuple[int, int | None]]:
    """Return the spans of numbers below `least` and above `most`."""
    below: list[tuple[int, int | None]] = [(0, least - 1)] if least > 0 else []
    return below + ([(most + 1, None)] if most is not None else [])


def _none_of(shapes: Shapes, values: Iterable[Value]) -> Shape:
    """Return the shape of values that differ from each of a list."""
    scalars: list[Value] = []
    parts: list[Shape] = []
    for value in values:
        if kind_of(value) is Kind.ARRAY:
            parts.append(_unlike_list(shapes, value))
        elif kind_of(value) is Kind.OBJECT:
            parts.append(_unlike_object(shapes, value))
        else:
            scalars.append(value)
    return shapes.every([shapes.not_among(scalars), *parts])


def _unlike_list(shapes: Shapes, value: list[Value]) -> Shape:
    """Return the shape of values that are not this list."""
    size = len(value)
    others = [
        shapes.every(
            [
                shapes.item_count(size, size),
                shapes.item_at(place, _none_of(shapes, [item])),
            ]
        )
        for place, item in enumerate(value)
    ]
    kind = shapes.of_kind(Kind.ARRAY)
    counts = [shapes.item_count(*span) for span in _outside(size, size)]
    lists = shapes.every([kind, shapes.either([*counts, *others])])
    return shapes.either([shapes.of_kind(ANY_KIND & ~Kind.ARRAY), lists])


def _unlike_object(shapes: Shapes, value: dict[str, Value]) -> Shape:
    """Return the shape of values that are not this object."""
    names = shapes.among(value)
    extra = shapes.some_property(opposite(shapes, names), shapes.anything)
    others = [
        shapes.either(
            [
                shapes.properties(shapes.among([name]), shapes.nothing),
                shapes.some_property(shapes.among([name]), _none_of(shapes, [item])),
            ]
        )
        for name, item in value.items()
    ]
    kind = shapes.of_kind(Kind.OBJECT)
    objects = shapes.every([kind, shapes.either([extra, *others])])
    return shapes.either([shapes.of_kind(ANY_KIND & ~Kind.OBJECT), objects])
