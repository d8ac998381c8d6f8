"""What is said in requests to vouchers and in its answers."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Pence = Annotated[int, Field(strict=True, ge=1, le=10**9)]


class VoucherState(StrEnum):
    """What a voucher is good for.

    Attributes:
        unspent: It can be redeemed.
        spent: It was redeemed.
        expired: Its time is over.
    """

    unspent = "unspent"
    spent = "spent"
    expired = "expired"


class NewVoucher(BaseModel):
    """What a new voucher is worth."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"amount_pence": 500}]}
    )

    amount_pence: Pence = Field(description="What it is worth, in pence.")
    expires_at: AwareDatetime | None = Field(
        default=None,
        strict=True,  # else 0 would be the beginning of 1970
        description="Until when it can be redeemed; null for ever.",
    )


class Redemption(BaseModel):
    """What a voucher was spent on."""

    code: str = Field(description="The voucher.")
    order_id: UUID = Field(description="The order it was spent on.")
    customer_id: str | None = Field(description="Who ordered; null for a guest.")
    worth_pence: int = Field(
        description="What it gave: its amount, at most the total of the order."
    )
    created_at: datetime = Field(description="When it was spent.")


class Voucher(BaseModel):
    """A voucher as it stands now."""

    code: str = Field(description="What the buyer types.")
    amount_pence: int = Field(description="What it is worth, in pence.")
    status: VoucherState = Field(description="`unspent`, `spent` or `expired`.")
    expires_at: datetime | None = Field(description="Until when it can be redeemed.")
    created_at: datetime = Field(description="When it was issued.")
    redemption: Redemption | None = Field(
        description="What it was spent on, if it was."
    )


class NewRedemption(BaseModel):
    """What to spend a voucher on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"order_id": "3e4666bf-d5e5-4aa7-b8ce-cefe41c7568a"}]
        },
    )

    order_id: UUID = Field(description="The order; it takes one voucher.")


class WhichOrder(BaseModel):
    """Of which order redemptions are asked for."""

    model_config = ConfigDict(extra="forbid")

    order_id: UUID = Field(description="The order.")


class RedemptionList(BaseModel):
    """The vouchers that were spent on one order."""

    items: list[Redemption] = Field(description="One, or none.")
