"""What a value may look like, in one language for every schema language."""

from fleetwright_contracts.shapes._holds import all_hold, holds, holds_for_name
from fleetwright_contracts.shapes._making import Shapes
from fleetwright_contracts.shapes._model import Shape
from fleetwright_contracts.shapes._negation import exactly_one, opposite

__all__ = [
    "Shape",
    "Shapes",
    "all_hold",
    "exactly_one",
    "holds",
    "holds_for_name",
    "opposite",
]
