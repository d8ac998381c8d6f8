"""JSON values: their kinds, when two are the same, and numbers without rounding."""

import math
from collections.abc import Hashable
from decimal import Decimal
from enum import IntFlag
from fractions import Fraction
from typing import Any, TypeAlias

from fleetwright_contracts.errors import Unreadable

Value: TypeAlias = Any
# A number of more digits than this is a bomb (`1e999999999`), not a bound.
_MOST_EXPONENT = 5000
_DEEPEST = 500
# Beyond this a document is looked through as if parts of it were shared.
_MOST_LOOKS = 2_000_000
# A tuple, since a union is put together anew each time it is asked for.
CONTAINERS = (dict, list)


class Kind(IntFlag):
    """What a JSON value can be; an integer is a number."""

    NULL = 1
    BOOLEAN = 2
    NUMBER = 4
    STRING = 8
    ARRAY = 16
    OBJECT = 32


ANY_KIND = Kind(63)
KINDS = tuple(Kind)
_SETS = tuple(Kind(number) for number in range(ANY_KIND + 1))


_BY_TYPE: dict[type, Kind] = {
    str: Kind.STRING,
    bool: Kind.BOOLEAN,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    Decimal: Kind.NUMBER,
    Fraction: Kind.NUMBER,
    type(None): Kind.NULL,
    list: Kind.ARRAY,
    tuple: Kind.ARRAY,
    dict: Kind.OBJECT,
}


def meet(kinds: Kind, others: Kind) -> int:
    """Return what two sets of kinds share; true where it is anything.

    Args:
        kinds: A set.
        others: Another.
    """
    return int.__and__(kinds, others)  # a fifth of the time that a flag takes


def shared(kinds: Kind, others: Kind) -> Kind:
    """Return what two sets of kinds share; `&`, in a fifth of its time.

    Args:
        kinds: A set.
        others: Another.
    """
    return _SETS[int.__and__(kinds, others)]


def joined(kinds: Kind, others: Kind) -> Kind:
    """Return what is in one of two sets of kinds; `|`, in a fifth of its time.

    Args:
        kinds: A set.
        others: Another.
    """
    return _SETS[int.__or__(kinds, others)]


def kinds_in(kinds: Kind) -> list[Kind]:
    """Return the single kinds of a set of kinds.

    Args:
        kinds: The set.
    """
    return [kind for kind in KINDS if meet(kind, kinds)]


def kind_of(value: Value) -> Kind:
    """Return the kind of a JSON value.

    Args:
        value: What `json.loads` may return.

    Raises:
        Unreadable: It is no JSON value.
    """
    found = _BY_TYPE.get(type(value))
    if found is not None:
        return found
    for known, kind in _BY_TYPE.items():
        if isinstance(value, known):
            return kind
    raise Unreadable(f"{type(value).__name__} is no JSON value")


def values_in(document: Value, *, most: int, deepest: int = _DEEPEST) -> int | None:
    """Return how many values a document stands for, what is shared counted each time.

    Args:
        document: What was read from a file, or made by a program.
        most: Beyond this it is not counted.
        deepest: How many levels are too many.

    Returns:
        None where there are too many values or levels, as in one that contains itself.
    """
    level = [document] if isinstance(document, CONTAINERS) else []
    count = 1
    for _ in range(deepest + 1):
        if not level:
            return count
        count += sum(map(len, level))
        if count > most:
            return None
        level = [
            one
            for around in level
            for one in (around.values() if isinstance(around, dict) else around)
            if isinstance(one, CONTAINERS)
        ]
    return None


def require_tree(document: Value, *, deepest: int = _DEEPEST) -> None:
    """Refuse a document that contains itself, or is nested without reason.

    Args:
        document: What was read from a file, or made by a program.
        deepest: How many levels are too many.

    Raises:
        Unreadable: It does, or is.
    """
    if values_in(document, most=_MOST_LOOKS, deepest=deepest) is not None:
        return
    around: set[int] = set()
    done: set[int] = set()
    waiting: list[tuple[Value, bool]] = [(document, True)]
    while waiting:
        value, entering = waiting.pop()
        if not entering:
            around.discard(id(value))
            done.add(id(value))
            continue
        if not isinstance(value, dict | list) or id(value) in done:
            continue
        if id(value) in around:
            raise Unreadable("the document contains itself")
        if len(around) >= deepest:
            raise Unreadable(f"the document is nested beyond {deepest} levels")
        around.add(id(value))
        waiting.append((value, False))
        inner = value.values() if isinstance(value, dict) else value
        waiting += [(one, True) for one in inner]


def fraction(number: float | Decimal | Fraction) -> Fraction:
    """Return a number as it is written, `0.1` as one tenth.

    Args:
        number: A JSON number.

    Raises:
        Unreadable: It is infinite, not a number, or absurdly long.
    """
    if isinstance(number, int | Fraction):
        return Fraction(number)
    if isinstance(number, float):
        if not math.isfinite(number):
            raise Unreadable(f"{number} is no JSON number")
        return Fraction(repr(number))
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _MOST_EXPONENT:
        raise Unreadable(f"{number} is no number to calculate with")
    return Fraction(number)


def number_of(value: Fraction) -> float:
    """Return a number as JSON would carry it: an integer, or the nearest float.

    Args:
        value: The exact number.
    """
    return value.numerator if value.denominator == 1 else float(value)


def identity(value: Value) -> Hashable:
    """Return a key that two values share exactly if JSON Schema calls them equal.

    Args:
        value: A JSON value; `1` and `1.0` are the same, `1` and `true` are not.

    Raises:
        Unreadable: It is no JSON value.
    """
    kind = kind_of(value)
    if kind is Kind.NUMBER:
        return (int(kind), fraction(value))
    if kind is Kind.ARRAY:
        return (int(kind), tuple(identity(item) for item in value))
    if kind is Kind.OBJECT:
        pairs = ((name, identity(item)) for name, item in value.items())
        return (int(kind), frozenset(pairs))
    return (int(kind), value)


def same(one: Value, other: Value) -> bool:
    """Return whether JSON Schema calls two values equal.

    Args:
        one: A JSON value.
        other: Another.
    """
    return identity(one) == identity(other)
