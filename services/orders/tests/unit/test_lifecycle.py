"""What may become of an order and of a refund."""

import itertools

import pytest

from orders.lifecycle import (
    OrderState,
    RefundState,
    TransitionError,
    moved_order,
    moved_refund,
)

ORDER_PATHS = {
    (OrderState.ACCEPTED, OrderState.PAID),
    (OrderState.ACCEPTED, OrderState.REFUSED),
}
REFUND_PATHS = {
    (RefundState.REQUESTED, RefundState.REFUNDED),
    (RefundState.REQUESTED, RefundState.REFUSED),
}


@pytest.mark.parametrize(
    ("state", "to"), list(itertools.product(OrderState, repeat=2)), ids=str
)
def test_an_order_moves_along_its_two_paths_and_no_other(
    state: OrderState, to: OrderState
) -> None:
    """Accepted becomes paid or refused; nothing leaves either."""
    if (state, to) in ORDER_PATHS:
        assert moved_order(state, to) is to
    else:
        with pytest.raises(TransitionError, match=f"is {state} never becomes {to}"):
            moved_order(state, to)


@pytest.mark.parametrize(
    ("state", "to"), list(itertools.product(RefundState, repeat=2)), ids=str
)
def test_a_refund_moves_along_its_two_paths_and_no_other(
    state: RefundState, to: RefundState
) -> None:
    """Requested becomes refunded or refused; nothing leaves either."""
    if (state, to) in REFUND_PATHS:
        assert moved_refund(state, to) is to
    else:
        with pytest.raises(TransitionError, match="hint: compare the last events"):
            moved_refund(state, to)
