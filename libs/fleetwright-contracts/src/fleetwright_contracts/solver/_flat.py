"""The search for a value that is nested little: a witness is to be read."""

from collections.abc import Callable, Iterable

from fleetwright_contracts._values import Value
from fleetwright_contracts.shapes import Shape, Shapes
from fleetwright_contracts.solver._answers import (
    NOWHERE,
    Answer,
    Found,
    Nowhere,
    Unsure,
)
from fleetwright_contracts.solver._questions import Key
from fleetwright_contracts.solver._search import Search


def nesting(value: Value) -> int:
    """Return how many values are around one another.

    Args:
        value: A JSON value.
    """
    depth, level = 0, [value]
    while True:
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return depth
        depth += 1


class FlatSearch(Search):
    """Finds values that are nested no more than a number of levels.

    What is found is a value; that none is found says nothing.
    """

    def __init__(
        self,
        shapes: Shapes,
        known: Callable[[Key], Answer | None],
        *,
        levels: int,
        steps: int,
    ) -> None:
        """Begin without answers.

        Args:
            shapes: Who makes the shapes.
            known: Tells what is known about a question, or believed.
            levels: How many values may be around one another.
            steps: Most questions.
        """
        super().__init__(shapes, steps=steps)
        self._known = known
        self._levels = levels
        self._answers: dict[tuple[Key, int], Answer] = {}
        self._open: set[tuple[Key, int]] = set()

    def search(self, key: Key) -> Answer:
        """Return a flat value.

        Args:
            key: What must hold.

        Raises:
            Exhausted: The budget is used up.
        """
        return self._asked(key)

    def find(self, parts: Iterable[Shape]) -> Answer:
        """Return a value that is the one that is looked for.

        Args:
            parts: What must hold.

        Raises:
            Exhausted: The budget is used up.
        """
        key = self.key(parts)
        return NOWHERE if key is None else self._asked(key)

    def find_inside(self, parts: Iterable[Shape]) -> Answer:
        """Return a value to be put into the one that is looked for.

        Args:
            parts: What must hold for it.

        Raises:
            Exhausted: The budget is used up.
        """
        key = self.key(parts)
        if key is None:
            return NOWHERE
        if self._levels == 0:
            return self._flat_enough(key) or Unsure("it is nested too deeply")
        self._levels -= 1
        try:
            return self._asked(key)
        finally:
            self._levels += 1

    def _flat_enough(self, key: Key) -> Answer | None:
        """Return what is known of a question, unless its value is nested too much."""
        known = self._known(key)
        if isinstance(known, Nowhere):
            return known
        if isinstance(known, Found) and nesting(known.value) <= self._levels:
            return known
        return None

    def _asked(self, key: Key) -> Answer:
        """Answer a question at the present level."""
        at = (key, self._levels)
        found = self._flat_enough(key) or self._answers.get(at)
        if found is not None:
            return found
        if at in self._open:
            return Unsure("a condition leads back to itself")
        self._open.add(at)
        try:
            found = self.look(key)
        finally:
            self._open.discard(at)
        self._answers[at] = found
        return found
