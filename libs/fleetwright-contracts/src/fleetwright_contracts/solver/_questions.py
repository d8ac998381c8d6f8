"""A question of the search, while it is open."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from fleetwright_contracts.shapes import Shape
from fleetwright_contracts.shapes._model import Named

Key: TypeAlias = frozenset[Shape]


@dataclass(slots=True)
class Question:
    """A question that is being answered.

    Attributes:
        level: How many questions are around it.
        depth: How many values are around the one it is about.
        rests_on: The levels whose having no value was taken for granted, as bits.
        is_cut: Whether it was not looked at to the end.
        held: Questions whose answers rest on this one.
    """

    level: int
    depth: int
    rests_on: int = 0
    is_cut: bool = False
    held: dict[Key, None] = field(default_factory=dict)


def is_narrower(parts: Iterable[Shape]) -> bool:
    """Return whether a schema must hold as one side reads it and not as another does.

    Where the reading that must not hold is the wider one, nothing can do both.

    Args:
        parts: What must hold.
    """
    named = [part for part in parts if isinstance(part, Named)]
    widest = {part.stem: part.width for part in named if part.negative}
    return any(
        not part.negative and part.width <= widest.get(part.stem, -1) for part in named
    )
