"""Does a shape hold for a value? Yes, no, or (for what is not read) not known."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from fleetwright_contracts._formats import has_format
from fleetwright_contracts._values import Value, fraction, identity, kind_of, meet
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
            return meet(kind_of(value), kinds) > 0
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
            return _all(
                _any((_not(said), _inside(shapes, inner, value[name])))
                for name, said in _named(shapes, names, value)
            )
        case SomeProperty(names, inner):
            return _any(
                _all((said, _inside(shapes, inner, value[name])))
                for name, said in _named(shapes, names, value)
            )
    raise TypeError(f"{shape} is no condition on objects")


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
    if not isinstance(value, dict | list) or not value:
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
