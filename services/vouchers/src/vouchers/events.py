"""The events vouchers publishes; it hears none."""

from uuid import UUID

from fleetwright.events import Event


class VoucherRedeemed(Event, topic="vouchers.redeemed", version=1):
    """A voucher was spent on an order, and is worth nothing now."""

    code: str
    order_id: UUID
    customer_id: str | None
    worth_pence: int
