"""What may become of a hold, and where its units are meanwhile."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from fleetwright.errors import FleetwrightError


class HoldState(StrEnum):
    """Where a hold stands.

    Attributes:
        HELD: Its units are off the shelf for a while; its order is not placed yet.
        PLACED: Its order was placed: it does not end by itself any more.
        SOLD: Its order was paid.
        RELEASED: Its units are back: they were given back.
        REFUSED: Its units are back for good: its order was refused.
        EXPIRED: Its units are back: its order was not placed in time.
    """

    HELD = "held"
    PLACED = "placed"
    SOLD = "sold"
    RELEASED = "released"
    REFUSED = "refused"
    EXPIRED = "expired"


Place = Literal["on_hand", "held", "sold"]

# Every move of a hold moves its units between two of these, so none is lost or made.
PLACES: Mapping[HoldState, Place] = MappingProxyType(
    {
        HoldState.HELD: "held",
        HoldState.PLACED: "held",
        HoldState.SOLD: "sold",
        HoldState.RELEASED: "on_hand",
        HoldState.REFUSED: "on_hand",
        HoldState.EXPIRED: "on_hand",
    }
)
# An order that was placed counts, whatever its hold had come to: a late event may find
# it expired, and then its units are taken again.
MOVES: Mapping[HoldState, frozenset[HoldState]] = MappingProxyType(
    {
        HoldState.HELD: frozenset(
            {
                HoldState.PLACED,
                HoldState.SOLD,
                HoldState.RELEASED,
                HoldState.REFUSED,
                HoldState.EXPIRED,
            }
        ),
        HoldState.PLACED: frozenset(
            {HoldState.SOLD, HoldState.RELEASED, HoldState.REFUSED}
        ),
        HoldState.SOLD: frozenset(),
        HoldState.REFUSED: frozenset(),
        HoldState.RELEASED: frozenset(
            {HoldState.HELD, HoldState.PLACED, HoldState.REFUSED}
        ),
        HoldState.EXPIRED: frozenset(
            {
                HoldState.HELD,
                HoldState.PLACED,
                HoldState.SOLD,
                HoldState.RELEASED,
                HoldState.REFUSED,
            }
        ),
    }
)
# Its order was decided: whether it was ever heard to be placed changes nothing.
DECIDED = frozenset({HoldState.SOLD, HoldState.REFUSED})


class TransitionError(FleetwrightError):
    """A hold was told to become what it can no longer become."""


def moved(state: HoldState, to: HoldState) -> HoldState:
    """Return the next state of a hold.

    Args:
        state: Where it stands.
        to: Where it shall go.

    Returns:
        `to`.

    Raises:
        TransitionError: A hold in `state` never becomes `to`.
    """
    if to not in MOVES[state]:
        raise TransitionError(
            f"a hold that is {state} never becomes {to}",
            where="stock/lifecycle.py",
            hint="compare the last events of this order in orders and in stock: one of"
            " them was published twice under different ids",
        )
    return to
