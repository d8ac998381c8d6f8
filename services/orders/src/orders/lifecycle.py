"""What may become of an order and of a refund, and what may not."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from fleetwright.errors import FleetwrightError


class OrderState(StrEnum):
    """Where an order stands.

    Attributes:
        ACCEPTED: Taken and priced; its payment is under way.
        PAID: The money was taken.
        REFUSED: The money could not be taken; nothing is owed.
    """

    ACCEPTED = "accepted"
    PAID = "paid"
    REFUSED = "refused"


class RefundState(StrEnum):
    """Where a refund stands.

    Attributes:
        REQUESTED: Payments has been asked to give the money back.
        REFUNDED: The money went back.
        REFUSED: It did not; the units count as bought again.
    """

    REQUESTED = "requested"
    REFUNDED = "refunded"
    REFUSED = "refused"


class TransitionError(FleetwrightError):
    """Something was told to become what it can no longer become."""


State = TypeVar("State", OrderState, RefundState)

ORDER_MOVES: Mapping[OrderState, frozenset[OrderState]] = MappingProxyType(
    {
        OrderState.ACCEPTED: frozenset({OrderState.PAID, OrderState.REFUSED}),
        OrderState.PAID: frozenset(),
        OrderState.REFUSED: frozenset(),
    }
)
REFUND_MOVES: Mapping[RefundState, frozenset[RefundState]] = MappingProxyType(
    {
        RefundState.REQUESTED: frozenset({RefundState.REFUNDED, RefundState.REFUSED}),
        RefundState.REFUNDED: frozenset(),
        RefundState.REFUSED: frozenset(),
    }
)
# What may be given back: bought, whether or not the money has arrived yet.
CANCELLABLE = (OrderState.ACCEPTED, OrderState.PAID)


def moved_order(state: OrderState, to: OrderState) -> OrderState:
    """Return the order's next state.

    Args:
        state: Where the order stands.
        to: Where it shall go.

    Returns:
        `to`.

    Raises:
        TransitionError: An order in `state` never becomes `to`.
    """
    return _moved("order", ORDER_MOVES, state, to)


def moved_refund(state: RefundState, to: RefundState) -> RefundState:
    """Return the refund's next state.

    Args:
        state: Where the refund stands.
        to: Where it shall go.

    Returns:
        `to`.

    Raises:
        TransitionError: A refund in `state` never becomes `to`.
    """
    return _moved("refund", REFUND_MOVES, state, to)


def _moved(
    what: str, moves: Mapping[State, frozenset[State]], state: State, to: State
) -> State:
    if to not in moves[state]:
        raise TransitionError(
            f"a {what} that is {state} never becomes {to}",
            where="orders/lifecycle.py",
            hint="compare the last events of this key in payments and in orders: one "
            "of them was published twice under different ids",
        )
    return to
