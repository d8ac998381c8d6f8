"""Questions of the search, and what is remembered of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TypeAlias

from fleetwright_contracts.shapes import Shape
from fleetwright_contracts.shapes._model import Named
from fleetwright_contracts.solver._answers import NOWHERE, Answer

Key: TypeAlias = frozenset[Shape]


@dataclass(slots=True, eq=False)
class Question:
    """A question about a value, answered for the time being.

    Attributes:
        key: What must hold.
        answer: The answer so far; "there is none" as long as nothing else is known.
        is_open: Whether it is being answered.
        is_stale: Whether it must be answered anew.
        asks: The questions whose answers for the time being were used.
        asked_by: The questions that used this answer.
    """

    key: Key
    answer: Answer = NOWHERE
    is_open: bool = False
    is_stale: bool = True
    asks: dict["Question", None] = field(default_factory=dict)
    asked_by: dict["Question", None] = field(default_factory=dict)


@dataclass(slots=True)
class Frame:
    """A question while it is being answered.

    Attributes:
        question: The question.
        open: What is being asked about the same value.
        known: What was concluded about the same value, for the time being.
        leans: Whether an answer for the time being was used.
    """

    question: Question
    open: set[Key] = field(default_factory=set)
    known: dict[Key, Answer] = field(default_factory=dict)
    leans: bool = False


def in_order(key: Key) -> list[Shape]:
    """Return the parts of a question in the order in which they were made.

    Args:
        key: The question; as a set it has another order in each run.
    """
    return sorted(key, key=attrgetter("number"))


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
