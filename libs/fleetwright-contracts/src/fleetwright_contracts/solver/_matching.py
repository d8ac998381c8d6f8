"""Different values for the items of a list, when each may be one of several."""

from collections.abc import Iterable, Sequence

from fleetwright_contracts._values import Value, identity
from fleetwright_contracts.shapes import Shape, opposite
from fleetwright_contracts.solver._answers import NOWHERE, Answer, Found, Unsure
from fleetwright_contracts.solver._asking import Asking


def distinct_values(asking: Asking, items: Sequence[tuple[Shape, ...]]) -> Answer:
    """Return a list with a value for each item, no two of them equal.

    Args:
        asking: Answers questions about single items.
        items: What each item must be.
    """
    # As many candidates as there are items are enough for each: the others can take
    # all but one of them.
    known: dict[tuple[Shape, ...], tuple[list[Value], Unsure | None]] = {}
    unsure: Unsure | None = None
    choices: list[list[Value]] = []
    for item in items:
        if item not in known:
            known[item] = _candidates(asking, item, len(items))
        values, doubt = known[item]
        unsure = unsure or doubt
        choices.append(values)
    matched = _match(choices)
    return Found(matched) if matched is not None else unsure or NOWHERE


def _candidates(
    asking: Asking, parts: Iterable[Shape], enough: int
) -> tuple[list[Value], Unsure | None]:
    """Return different values for an item, and why there may be more of them."""
    shapes = asking.shapes
    values: list[Value] = []
    while len(values) < enough:
        others = opposite(shapes, shapes.among(values)) if values else shapes.anything
        answer = asking.find([*parts, others])
        if isinstance(answer, Unsure):
            return values, answer
        if not isinstance(answer, Found):
            break
        values.append(answer.value)
    return values, None


def _match(choices: Sequence[Sequence[Value]]) -> list[Value] | None:
    """Return one value for each place, all different; None where that cannot be."""
    taken: dict[object, int] = {}
    chosen: dict[int, Value] = {}

    def place(number: int, seen: set[object]) -> bool:
        for value in choices[number]:
            key = identity(value)
            if key in seen:
                continue
            seen.add(key)
            if key not in taken or place(taken[key], seen):
                taken[key] = number
                chosen[number] = value
                return True
        return False

    if not all(place(number, set()) for number in range(len(choices))):
        return None
    return [chosen[number] for number in range(len(choices))]
