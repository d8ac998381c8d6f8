"""Issuing a voucher, and spending it once."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from fleetwright import Problem
from fleetwright.events import publish
from vouchers.clients import Order, OrderStatus
from vouchers.codes import new_code
from vouchers.events import VoucherRedeemed
from vouchers.messages import NewVoucher, Redemption, Voucher, VoucherState
from vouchers.tables import RedemptionRow, VoucherRow


def issued(transaction: Session, new: NewVoucher) -> VoucherRow:
    """Keep a new voucher.

    Args:
        transaction: The transaction it is kept in.
        new: What it is worth.

    Returns:
        The voucher.
    """
    row = VoucherRow(
        code=new_code(),
        amount_pence=new.amount_pence,
        expires_at=new.expires_at,
        created_at=datetime.now(UTC),
        redemption=None,
    )
    transaction.add(row)
    return row


def redeemed(transaction: Session, code: str, order: Order) -> RedemptionRow:
    """Spend a voucher on an order and tell the fleet.

    Args:
        transaction: The transaction; the voucher's row is locked in it.
        code: The voucher.
        order: What it is spent on, as orders knows it.

    Returns:
        What it was spent on.

    Raises:
        Problem: There is no such voucher, it is spent or expired, or the order cannot
            take it.
    """
    row = transaction.get(
        VoucherRow, code, with_for_update={"of": VoucherRow}, populate_existing=True
    )
    if row is None:
        raise unknown_voucher(code)
    if order.status is OrderStatus.refused:
        raise Problem(
            409, "Order refused", detail="It was not paid.", kind="order_refused"
        )
    match state(row, datetime.now(UTC)):
        case VoucherState.spent:
            raise Problem(409, "Voucher spent", kind="voucher_spent")
        case VoucherState.expired:
            raise Problem(409, "Voucher expired", kind="voucher_expired")
    if spent_on(transaction, order.id) is not None:
        raise order_has_voucher()
    spent = RedemptionRow(
        code=code,
        order_id=order.id,
        customer_id=order.customer_id,
        worth_pence=min(row.amount_pence, order.total_pence),
        created_at=datetime.now(UTC),
    )
    transaction.add(spent)
    try:
        transaction.flush()
    except IntegrityError:  # another voucher was spent on it at the same time
        raise order_has_voucher() from None
    told = Redemption.model_validate(spent, from_attributes=True)
    publish(transaction, VoucherRedeemed(**told.model_dump(exclude={"created_at"})))
    return spent


def spent_on(session: Session, order_id: UUID) -> RedemptionRow | None:
    """Return what was spent on an order, if anything was.

    Args:
        session: Where to read.
        order_id: The order.
    """
    wanted = select(RedemptionRow).where(RedemptionRow.order_id == order_id)
    return session.scalar(wanted)


def state(row: VoucherRow, now: datetime) -> VoucherState:
    """Return what a voucher is good for.

    Args:
        row: The voucher.
        now: The moment that counts.
    """
    if row.redemption is not None:
        return VoucherState.spent
    if row.expires_at is not None and row.expires_at <= now:
        return VoucherState.expired
    return VoucherState.unspent


def as_voucher(row: VoucherRow) -> Voucher:
    """Return a voucher as it is answered.

    Args:
        row: The voucher as it is kept.
    """
    spent = row.redemption
    return Voucher(
        code=row.code,
        amount_pence=row.amount_pence,
        status=state(row, datetime.now(UTC)),
        expires_at=row.expires_at,
        created_at=row.created_at,
        redemption=None if spent is None else as_redemption(spent),
    )


def as_redemption(row: RedemptionRow) -> Redemption:
    """Return what a voucher was spent on, as it is answered.

    Args:
        row: As it is kept.
    """
    return Redemption.model_validate(row, from_attributes=True)


def order_has_voucher() -> Problem:
    """Return the answer where the order has taken a voucher before."""
    return Problem(
        409,
        "Order has a voucher",
        detail="An order takes one voucher.",
        kind="order_has_voucher",
    )


def unknown_voucher(code: str) -> Problem:
    """Return the answer where there is no such voucher."""
    return Problem(
        404, "No such voucher", detail=f"Asked for {code}.", kind="unknown_voucher"
    )
