"""The till of an order: what its page shows about a voucher."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

import structlog

from fleetwright import Deadline, Unavailable
from storefront.clients import Redemption, VoucherRefused, Vouchers

log = structlog.get_logger()

LOOK_SECONDS = 0.5
NOT_NOW = (
    "We could not reach our voucher desk, so the voucher may not have been spent. "
    "Please try again in a moment. Trying again never spends it twice."
)
REASONS = {
    "unknown_voucher": "We know no voucher of this code. Please look it over.",
    "voucher_spent": "This voucher has been spent.",
    "voucher_expired": "The time of this voucher is over.",
    "order_has_voucher": "A voucher was spent on this order already.",
    "order_refused": "The order was refused, so no voucher can be spent on it.",
}


@dataclass(frozen=True, slots=True)
class Till:
    """What the page of an order shows about a voucher.

    Attributes:
        spent: The voucher that was spent on the order, if one was.
        is_away: Whether vouchers could not be asked.
        code: What the buyer typed.
        key: Names the buyer's try, so that sending it again spends once.
        notice: What is wrong with it.
    """

    spent: Redemption | None = None
    is_away: bool = False
    code: str = ""
    key: str = field(default_factory=lambda: str(uuid4()))
    notice: str | None = None


async def till(order_id: UUID, vouchers: Vouchers) -> Till:
    """Return what to show of an order's voucher; the page does without if need be.

    Args:
        order_id: The order.
        vouchers: Who knows what was spent.
    """
    try:
        with Deadline.after(LOOK_SECONDS):
            found = await vouchers.spent_on(order_id)
    except Unavailable as error:
        log.warning("voucher.hidden", reason=error.reason)
        return Till(is_away=True)
    return Till(spent=found.items[0] if found.items else None)


def refused(code: str, refusal: VoucherRefused) -> Till:
    """Return the form again, with the reason of the refusal and a fresh key.

    Args:
        code: What the buyer typed.
        refusal: What vouchers said.
    """
    problem = refusal.problem or {}
    kind = str(problem.get("kind"))
    told = problem.get("detail") or problem.get("title") or str(refusal)
    return Till(code=code, notice=REASONS.get(kind, f"It was not taken: {told}"))
