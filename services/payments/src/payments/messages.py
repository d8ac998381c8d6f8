"""What is said in requests to payments and in its answers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from payments.money import ChargeState, RefundState

# No control characters: they break log lines, terminals and letters to buyers.
Short = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", min_length=1, max_length=64),
]
# More than 2,000 lines of the dearest products can cost, and whole in every database.
Pence = Annotated[int, Field(strict=True, ge=1, le=10**18)]


class NewCharge(BaseModel):
    """What to charge, and for which order."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "order_id": "3e4666bf-d5e5-4aa7-b8ce-cefe41c7568a",
                    "reference": "536365",
                    "customer_id": "17850",
                    "amount_pence": 13912,
                }
            ]
        },
    )

    order_id: UUID = Field(description="The order; it is charged once.")
    reference: Short = Field(description="The buyer's own name for the order.")
    customer_id: Short | None = Field(
        default=None, description="Who pays; null for a buyer nobody knows."
    )
    amount_pence: Pence = Field(description="What to charge, in pence.")


class Charge(BaseModel):
    """The charge of one order."""

    id: UUID = Field(description="The charge's id.")
    order_id: UUID = Field(description="The order it was paid for.")
    reference: str = Field(description="The buyer's own name for the order.")
    customer_id: str | None = Field(description="Who pays, or null.")
    amount_pence: int = Field(gt=0, description="What was asked for, in pence.")
    refunded_pence: int = Field(ge=0, description="What went back so far, in pence.")
    status: ChargeState = Field(
        description="`captured`: the money was taken; `declined`: see "
        "`declined_because`."
    )
    declined_because: str | None = Field(description="Why it was declined, or null.")
    created_at: datetime = Field(description="When the bank answered.")


class ChargePage(BaseModel):
    """One page of charges, newest first."""

    items: list[Charge] = Field(description="The charges of this page.")
    page: int = Field(ge=1, description="Which page this is, from 1.")
    page_size: int = Field(ge=1, le=100, description="Longest length of a page.")
    total: int = Field(ge=0, description="Charges on all pages together.")


class NewRefund(BaseModel):
    """How much to give back."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"amount_pence": 339}]}
    )

    amount_pence: Pence = Field(
        description="What to give back, in pence; at most what is left of the charge."
    )


class Refund(BaseModel):
    """Money that went back."""

    id: UUID = Field(description="The refund's id.")
    charge_id: UUID = Field(description="Where the money came from.")
    order_id: UUID = Field(description="The order it was paid for.")
    amount_pence: int = Field(gt=0, description="What went back, in pence.")
    status: RefundState = Field(description="Always `refunded` here.")
    created_at: datetime = Field(description="When the bank answered.")
