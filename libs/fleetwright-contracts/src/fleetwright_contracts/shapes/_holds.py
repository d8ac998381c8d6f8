"""Does a shape hold for a value? Yes, no, or (for what is not read) not known."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from fleetwright_contracts._formats import has_format
from fleetwright_contracts._values import Value, fraction, identity, kind_of
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


def _holds(shapes: Shapes, shape: Shape, value: Value, names: int) -> Answer:
    """Return whether a shape holds; `names` counts those since the value changed."""
    match shape:
        case Every(parts):
            return _all(_holds(shapes, part, value, names) for part in parts)
        case Either(parts):
            return _any(_holds(shapes, part, value, names) for part in parts)
        case Named(name):
            if names > _MOST_NAMES:
                raise Exhausted(f"{name} means itself", where=name)
            return _holds(shapes, _meaning(shapes, shape), value, names + 1)
        case OfKind() | Among() | NotAmong() | Opaque():
            return _whole_holds(shape, value)
    if kind_of(value) is not shape.about:
        return True
    if isinstance(value, list | tuple):
        return _list_holds(shapes, shape, value)
    if isinstance(value, dict):
        return _object_holds(shapes, shape, value)
    return _scalar_holds(shape, value)


def _meaning(shapes: Shapes, shape: Named) -> Shape:
    """Return what a name, or the opposite of one, stands for."""
    meaning = shapes.meaning(shape.name)
    return opposite(shapes, meaning) if shape.negative else meaning


def _whole_holds(shape: Shape, value: Value) -> Answer:
    """Return whether a condition on values of every kind holds."""
    match shape:
        case OfKind(kinds):
            return bool(kind_of(value) & kinds)
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
            return place >= len(value) or _holds(shapes, inner, value[place], 0)
        case ItemsFrom(place, inner):
            return _all(_holds(shapes, inner, item, 0) for item in value[place:])
        case Holding(place, inner, least, most):
            answers = [_holds(shapes, inner, item, 0) for item in value[place:]]
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
            return _all(
                _any((_not(holds(shapes, names, name)), holds(shapes, inner, item)))
                for name, item in value.items()
            )
        case SomeProperty(names, inner):
            return _any(
                _all((holds(shapes, names, name), holds(shapes, inner, item)))
                for name, item in value.items()
            )
    raise TypeError(f"{shape} is no condition on objects")


def _within(number: int, least: int, most: int | None) -> bool:
    """Return whether a number is in a span."""
    return number >= least and (most is None or number <= most)


def _not(answer: Answer) -> Answer:
    """Return the opposite answer."""
    return None if answer is None else not answer


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
