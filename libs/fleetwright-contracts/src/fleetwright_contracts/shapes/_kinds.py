"""The kinds of values outside of which a shape certainly does not hold."""

from collections.abc import Callable

from fleetwright_contracts._values import ANY_KIND, Kind, joined, kind_of, shared
from fleetwright_contracts.shapes._model import Among, Either, Every, OfKind, Shape


def kinds_of(shape: Shape, of: Callable[[Shape], Kind]) -> Kind:
    """Return the kinds of a shape; a named one may be of any kind.

    Args:
        shape: The shape.
        of: Returns the kinds of a part.
    """
    match shape:
        case OfKind(kinds):
            return kinds
        case Among(values, _):
            kinds = Kind(0)
            for value in values:
                kinds = joined(kinds, kind_of(value))
            return kinds
        case Every(parts):
            kinds = ANY_KIND
            for part in parts:
                kinds = shared(kinds, of(part))
            return kinds
        case Either(parts):
            kinds = Kind(0)
            for part in parts:
                kinds = joined(kinds, of(part))
            return kinds
    return ANY_KIND
