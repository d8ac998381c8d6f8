"""When money may go back: the rules a refund must meet."""

from enum import StrEnum
from typing import Literal


class ChargeState(StrEnum):
    """How a charge ended.

    Attributes:
        CAPTURED: The money was taken.
        DECLINED: The bank said no; nothing was taken.
    """

    CAPTURED = "captured"
    DECLINED = "declined"


class RefundState(StrEnum):
    """How a refund ended.

    Attributes:
        REFUNDED: The money went back.
        REFUSED: It did not; nothing was moved.
    """

    REFUNDED = "refunded"
    REFUSED = "refused"


RefusalKind = Literal["not_captured", "exceeds_charge"]

REFUSALS: dict[RefusalKind, str] = {
    "not_captured": "The order was not charged.",
    "exceeds_charge": "More than is left of the charge.",
}


def refund_refusal(
    state: ChargeState, *, charged_pence: int, refunded_pence: int, amount_pence: int
) -> RefusalKind | None:
    """Return why an amount may not go back, or None when it may.

    Args:
        state: How the charge ended.
        charged_pence: What was charged, in pence.
        refunded_pence: What went back already, in pence.
        amount_pence: What shall go back now, in pence.
    """
    if state is not ChargeState.CAPTURED:
        return "not_captured"
    if refunded_pence + amount_pence > charged_pence:
        return "exceeds_charge"
    return None
