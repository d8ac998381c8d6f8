"""What vouchers needs from orders, and nothing more."""

from enum import StrEnum
from typing import Protocol
from uuid import UUID

from pydantic import BaseModel

from fleetwright.rest import get


class OrderStatus(StrEnum):
    """How far an order has come.

    Attributes:
        accepted: The shop has it; its payment is under way.
        paid: The money was taken.
        refused: The payment was declined.
    """

    accepted = "accepted"
    paid = "paid"
    refused = "refused"


class Order(BaseModel):
    """The fields of an order that vouchers reads."""

    id: UUID
    customer_id: str | None
    status: OrderStatus
    total_pence: int


class Orders(Protocol):
    """The part of the orders API that vouchers depends on; sync, as Flask is."""

    @get("/v1/orders/{order_id}", missing=404)
    def find(self, order_id: UUID) -> Order | None:
        """Return the order, or None for an unknown id."""
        ...
