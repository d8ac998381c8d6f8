"""What is said in requests to orders and in its answers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from fleetwright.fastapi import ProblemDocument
from orders.lifecycle import OrderState, RefundState
from orders.matching import Reason
from orders.pricing import BadKind

# No control characters: they break log lines, terminals and letters to buyers.
Line = StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$")
Short = Annotated[str, Line, StringConstraints(min_length=1, max_length=64)]
Code = Annotated[str, Line, StringConstraints(max_length=64)]
Units = Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)]


class NewLine(BaseModel):
    """One product and how many units of it; a product may come in several lines."""

    model_config = ConfigDict(extra="forbid")

    sku: Code = Field(description="The stock code; refused if it is not sold.")
    quantity: Units = Field(description="Units; below 1 is refused.")


class NewOrder(BaseModel):
    """What a buyer asks for."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "reference": "536365",
                    "customer_id": "17850",
                    "country": "United Kingdom",
                    "lines": [{"sku": "71053", "quantity": 6}],
                }
            ]
        },
    )

    reference: Short = Field(description="The buyer's own name for the order.")
    customer_id: Short | None = Field(
        description="Who buys; null for a buyer nobody knows, who cannot cancel."
    )
    country: Short = Field(description="Where the order goes.")
    lines: list[NewLine] = Field(
        min_length=1, max_length=2000, description="What is bought."
    )


class OrderLine(BaseModel):
    """One line, at the name and price it was bought at."""

    sku: str = Field(description="The stock code.")
    name: str = Field(description="What it was called when it was bought.")
    quantity: int = Field(gt=0, description="Units.")
    price_pence: int = Field(gt=0, description="Price of one unit, in pence.")


class OrderSummary(BaseModel):
    """An order without its lines."""

    id: UUID = Field(description="The order's id.")
    reference: str = Field(description="The buyer's own name for the order.")
    customer_id: str | None = Field(description="Who bought, or null.")
    country: str = Field(description="Where the order goes.")
    status: OrderState = Field(
        description="`accepted`: its payment is under way; `paid`; `refused`: see "
        "`refused_because`."
    )
    total_pence: int = Field(description="What it costs, in pence.")
    refused_because: str | None = Field(description="Why it was refused, or null.")
    created_at: datetime = Field(description="When it was accepted.")


class OrderRefund(BaseModel):
    """Units of an order given back, and what became of their money."""

    id: UUID = Field(description="The refund's id.")
    sku: str = Field(description="What was given back.")
    quantity: int = Field(gt=0, description="Units.")
    amount_pence: int = Field(gt=0, description="Their price, in pence.")
    status: RefundState = Field(description="Where the refund stands.")
    refused_because: str | None = Field(description="Why it was refused, or null.")


class Order(OrderSummary):
    """An order with its lines and what was given back of it."""

    lines: list[OrderLine] = Field(description="The lines, in the order they came.")
    refunds: list[OrderRefund] = Field(description="The refunds, oldest first.")


class OrderPage(BaseModel):
    """One page of orders, newest first."""

    items: list[OrderSummary] = Field(description="The orders of this page.")
    page: int = Field(ge=1, description="Which page this is, from 1.")
    page_size: int = Field(ge=1, le=100, description="Longest length of a page.")
    total: int = Field(ge=0, description="Orders on all pages together.")


class CancelledLine(BaseModel):
    """One product and how many units of it are given back."""

    model_config = ConfigDict(extra="forbid")

    sku: Code = Field(description="The stock code.")
    quantity: int = Field(strict=True, ge=1, le=1_000_000, description="Units.")


class NewCancellation(BaseModel):
    """What a buyer gives back."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "reference": "C536379",
                    "customer_id": "17850",
                    "lines": [{"sku": "71053", "quantity": 2}],
                }
            ]
        },
    )

    reference: Short = Field(description="The buyer's own name for the cancellation.")
    customer_id: Short | None = Field(
        description="Who gives back; with null no line is accepted (`no_customer`)."
    )
    lines: list[CancelledLine] = Field(
        min_length=1, max_length=2000, description="What is given back."
    )


class Refund(BaseModel):
    """Units taken back from one order."""

    id: UUID = Field(description="The refund's id.")
    order_id: UUID = Field(description="The order they were bought with.")
    quantity: int = Field(gt=0, description="Units.")
    amount_pence: int = Field(gt=0, description="Their price then, in pence.")


class CancellationLine(BaseModel):
    """What became of one line: all of it is taken back, or nothing."""

    sku: str = Field(description="The stock code.")
    quantity: int = Field(gt=0, description="Units.")
    accepted: bool = Field(description="Whether the line is taken back.")
    reason: Reason | None = Field(description="Why it is not, or null.")
    refunds: list[Refund] = Field(description="Where its units came from.")


class Cancellation(BaseModel):
    """What became of a cancellation."""

    id: UUID = Field(description="The cancellation's id.")
    reference: str = Field(description="The buyer's own name for the cancellation.")
    lines: list[CancellationLine] = Field(description="The lines, as they came.")


class RefusedLine(BaseModel):
    """A line that cannot be bought."""

    index: int = Field(ge=0, description="The line's place in the order, from 0.")
    sku: str = Field(description="What the line asked for.")
    kind: BadKind = Field(description="The reason, for programs.")
    detail: str = Field(description="The reason, for people.")


class OrderRefused(ProblemDocument):
    """Why an order was not taken."""

    lines: list[RefusedLine] | None = Field(
        default=None, description="With `bad_lines`: every line that cannot be bought."
    )


class Shortage(BaseModel):
    """A product there is too little of."""

    sku: str = Field(description="The stock code.")
    wanted: int = Field(description="Units asked for, in all lines together.")
    on_hand: int = Field(description="Units there are; below zero when some are owed.")


class OrderConflict(ProblemDocument):
    """Why an order cannot be taken now."""

    missing: list[Shortage] | None = Field(
        default=None, description="With `out_of_stock`: what there is too little of."
    )
