"""What the searches for lists and objects ask of the search as a whole."""

from collections.abc import Iterable
from typing import Protocol

from fleetwright_contracts.shapes import Shape, Shapes
from fleetwright_contracts.solver._answers import Answer


class Asking(Protocol):
    """Answers whether there is a value."""

    @property
    def shapes(self) -> Shapes:
        """Who makes shapes."""
        ...

    def find(self, parts: Iterable[Shape]) -> Answer:
        """Return a value for which all parts hold.

        Args:
            parts: What must hold.
        """
        ...
