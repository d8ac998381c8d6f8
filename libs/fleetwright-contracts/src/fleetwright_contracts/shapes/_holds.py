"""Does a shape hold for a value? Yes, no, or (for what is not read) not known."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from fleetwright_contracts._formats import has_format
from fleetwright_contracts._values import (
    CONTAINERS,
    Value,
    fraction,
    identity,
    kind_of,
    meet,
)
from fleetwright_contracts.errors import ContractError, Exhausted
from fleetwright_contracts.regexes import automaton
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
from fleetwright_contracts.shapes._negation import opposite

Answer: TypeAlias = bool | None
_WHOLE = (Among, NotAmong, Opaque)
_SEQUENCES = (list, tuple)

_MOST_NAMES = 60


def holds(shapes: Shapes, shape: Shape, value: Value) -> Answer:
    """Return whether a shape holds for a value.

    Args:
        shapes: Who made the shape.
        shape: The shape.
        value: The value.

    Returns:
        None where it is not known.

    Raises:
        Exhausted: Names lead to names for too long without coming to the value.
    """
    return _holds(shapes, shape, value, 0)


def all_hold(shapes: Shapes, parts: Iterable[Shape], value: Value) -> Answer:
    """Return whether all of some shapes hold for a value.

    Args:
        shapes: Who made the shapes.
        parts: The shapes.
        value: The value.

    Raises:
        Exhausted: Names lead to names for too long without coming to the value.
    """
    return _every_holds(shapes, parts, value, 0)


def holds_for_name(shapes: Shapes, shape: Shape, name: str) -> Answer:
    """Return whether a shape holds for the name of a property, as it may have before.

    Args:
        shapes: Who made the shape.
        shape: The shape.
        name: The name.

    Raises:
        Exhausted: Names lead to names for too long without coming to the value.
    """
    key = (shape, name)
    if key not in shapes.held_by_name:
        shapes.held_by_name[key] = _holds(shapes, shape, name, 0)
    return shapes.held_by_name[key]


def _holds(shapes: Shapes, shape: Shape, value: Value, names: int) -> Answer:
    """Return whether a shape holds; `names` counts those since the value changed."""
    # Without `match` and generators: much of the time of a comparison goes by here.
    if isinstance(shape, Every):
        return _every_holds(shapes, shape.parts, value, names)
    if isinstance(shape, Either):
        return _either_holds(shapes, shape.parts, value, names)
    if isinstance(shape, Named):
        if names > _MOST_NAMES:
            raise Exhausted(f"{shape.name} means itself", where=shape.name)
        return _holds(shapes, _meaning(shapes, shape), value, names + 1)
    if isinstance(shape, OfKind):
        return meet(kind_of(value), shape.kinds) > 0
    if isinstance(shape, _WHOLE):
        return _whole_holds(shape, value)
    if kind_of(value) is not shape.about:
        return True
    if isinstance(value, dict):
        return _object_holds(shapes, shape, value)
    if isinstance(value, _SEQUENCES):
        return _list_holds(shapes, shape, value)
    return _scalar_holds(shape, value)


def _every_holds(
    shapes: Shapes, parts: Iterable[Shape], value: Value, names: int
) -> Answer:
    """Return whether all parts hold; a single no decides."""
    unsure = False
    for part in parts:
        answer = _holds(shapes, part, value, names)
        if answer is False:
            return False
        if answer is None:
            unsure = True
    return None if unsure else True


def _either_holds(
    shapes: Shapes, parts: Iterable[Shape], value: Value, names: int
) -> Answer:
    """Return whether any part holds; a single yes decides."""
    unsure = False
    for part in parts:
        answer = _holds(shapes, part, value, names)
        if answer:
            return True
        if answer is None:
            unsure = True
    return None if unsure else False


def _meaning(shapes: Shapes, shape: Named) -> Shape:
    """Return what a name, or the opposite of one, stands for."""
    meaning = shapes.meaning(shape.name)
    return opposite(shapes, meaning) if shape.negative else meaning


def _whole_holds(shape: Shape, value: Value) -> Answer:
    """Return whether a condition on values of any kind holds."""
    match shape:
        case Among(_, identities):
            return identity(value) in identities
        case NotAmong(_, identities):
            return identity(value) not in identities
    return None


def _scalar_holds(shape: Shape, value: Value) -> Answer:
    """Return whether a condition on numbers or texts holds."""
    match shape:
        case AtLeast(bound, beyond):
            number = fraction(value)
            return number > bound or (number == bound and not beyond)
        case AtMost(bound, beyond):
            number = fraction(value)
            return number < bound or (number == bound and not beyond)
        case MultipleOf(step, negative):
            return (fraction(value) % step == 0) is not negative
        case Length(least, most):
            return _within(len(value), least, most)
        case Matches(pattern, negative):
            try:
                return automaton(pattern).matches(value) is not negative
            except ContractError:
                return None
        case HasFormat(name, negative):
            found = has_format(name, value)
            return None if found is None else found is not negative
    raise TypeError(f"{shape} is no condition on scalars")


def _list_holds(shapes: Shapes, shape: Shape, value: Sequence[Value]) -> Answer:
    """Return whether a condition on lists holds."""
    match shape:
        case ItemCount(least, most):
            return _within(len(value), least, most)
        case ItemAt(place, inner):
            return place >= len(value) or _inside(shapes, inner, value[place])
        case ItemsFrom(place, inner):
            return _all(_inside(shapes, inner, item) for item in value[place:])
        case Holding(place, inner, least, most):
            answers = [_inside(shapes, inner, item) for item in value[place:]]
            sure, unsure = answers.count(True), answers.count(None)
            low = _within(sure, least, most)
            return (
                low
                if all(
                    _within(sure + more, least, most) is low
                    for more in range(unsure + 1)
                )
                else None
            )
        case Distinct(negative):
            different = len({identity(item) for item in value}) == len(value)
            return different is not negative
    raise TypeError(f"{shape} is no condition on lists")


def _object_holds(shapes: Shapes, shape: Shape, value: dict[str, Value]) -> Answer:
    """Return whether a condition on objects holds."""
    match shape:
        case PropertyCount(least, most):
            return _within(len(value), least, most)
        case Properties(names, inner):
            return _properties_hold(shapes, names, inner, value)
        case SomeProperty(names, inner):
            return _any(
                _both(said, _inside(shapes, inner, value[name]))
                for name, said in _named(shapes, names, value)
            )
    raise TypeError(f"{shape} is no condition on objects")


def _properties_hold(
    shapes: Shapes, names: Shape, inner: Shape, value: dict[str, Value]
) -> Answer:
    """Return whether every property of some names has a shape."""
    unsure = False
    for name, said in _named(shapes, names, value):
        answer = _inside(shapes, inner, value[name])
        if answer is False and said:
            return False
        if not answer:
            unsure = True
    return None if unsure else True


def _named(
    shapes: Shapes, names: Shape, value: dict[str, Value]
) -> Iterator[tuple[str, Answer]]:
    """Yield the properties that may have one of some names, and whether they have."""
    if isinstance(names, Among):
        yield from ((name, True) for name in names.values if name in value)
        return
    for name in value:
        said = holds_for_name(shapes, names, name)
        if said is not False:
            yield name, said


def _inside(shapes: Shapes, shape: Shape, value: Value) -> Answer:
    """Return whether a shape holds for a value inside another, as it may have before.

    Values are put together of values that were looked at, which are not changed again.
    """
    if not value or not isinstance(value, CONTAINERS):
        return _holds(shapes, shape, value, 0)
    key = (shape, id(value))
    known = shapes.held.get(key)
    if known is not None and known[0] is value:
        return known[1]
    answer = _holds(shapes, shape, value, 0)
    shapes.held[key] = (value, answer)
    return answer


def _within(number: int, least: int, most: int | None) -> bool:
    """Return whether a number is in a span."""
    return number >= least and (most is None or number <= most)


def _both(one: Answer, other: Answer) -> Answer:
    """Return whether two answers are yes; a single no decides."""
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _all(answers: Iterable[Answer]) -> Answer:
    """Return whether all are yes; a single no decides."""
    unsure = False
    for answer in answers:
        if answer is False:
            return False
        unsure = unsure or answer is None
    return None if unsure else True


def _any(answers: Iterable[Answer]) -> Answer:
    """Return whether any is yes; a single yes decides."""
    unsure = False
    for answer in answers:
        if answer is True:
            return True
        unsure = unsure or answer is None
    return None if unsure else False
