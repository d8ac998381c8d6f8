"""The events payments publishes and hears."""

from uuid import UUID

from fleetwright.events import Event


class OrderPlaced(Event, topic="orders.placed", version=1):
    """The fields of a placed order that payments reads."""

    order_id: UUID
    reference: str
    customer_id: str | None
    total_pence: int


class RefundRequested(Event, topic="orders.refund_requested", version=1):
    """The fields of a requested refund that payments reads."""

    order_id: UUID
    refund_id: UUID
    amount_pence: int


class PaymentCaptured(Event, topic="payments.captured", version=1):
    """The bank took the money of an order."""

    order_id: UUID
    charge_id: UUID
    reference: str
    customer_id: str | None
    amount_pence: int


class PaymentDeclined(Event, topic="payments.declined", version=1):
    """The bank declined to take the money of an order."""

    order_id: UUID
    charge_id: UUID
    reference: str
    customer_id: str | None
    amount_pence: int
    reason: str


class PaymentRefunded(Event, topic="payments.refunded", version=1):
    """Money of an order went back."""

    order_id: UUID
    refund_id: UUID
    reference: str
    customer_id: str | None
    amount_pence: int


class RefundDeclined(Event, topic="payments.refund_declined", version=1):
    """Money of an order did not go back."""

    order_id: UUID
    refund_id: UUID
    amount_pence: int
    reason: str
