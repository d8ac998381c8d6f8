"""What buyers are told, in words: pure functions from facts to letters."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a letter tells.

    Attributes:
        CAPTURED: The order is paid.
        DECLINED: The order could not be paid.
        REFUNDED: Money went back.
    """

    CAPTURED = "captured"
    DECLINED = "declined"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail, written and not yet sent."""

    subject: str
    body: str


def recipient(customer_id: str | None, domain: str) -> str:
    """Return where the letters of a customer go.

    Args:
        customer_id: Who bought; None for a buyer nobody knows, whose letters go to the
            shop's counter.
        domain: Domain of the addresses.
    """
    if customer_id is None:
        return f"counter@{domain}"
    return f"customer-{re.sub('[^0-9A-Za-z.-]', '_', customer_id)}@{domain}"


def pounds(pence: int) -> str:
    """Return an amount as people write it, for example "£1,391.20".

    Args:
        pence: The amount, 0 or more.
    """
    return f"£{pence // 100:,}.{pence % 100:02}"


def captured(reference: str, amount_pence: int) -> Letter:
    """Return the letter about a paid order.

    Args:
        reference: The buyer's own name for the order.
        amount_pence: What was taken, in pence.
    """
    return Letter(
        subject=f"Your order {reference} is paid",
        body=f"We have taken {pounds(amount_pence)} for your order {reference}. "
        "It is on its way to you.",
    )


def declined(reference: str, amount_pence: int, reason: str) -> Letter:
    """Return the letter about an order that could not be paid.

    Args:
        reference: The buyer's own name for the order.
        amount_pence: What should have been taken, in pence.
        reason: Why it was not.
    """
    return Letter(
        subject=f"Your order {reference} could not be paid",
        body=f"We could not take {pounds(amount_pence)} for your order {reference}: "
        f"{reason} Nothing was taken and nothing will be sent.",
    )


def refunded(reference: str, amount_pence: int) -> Letter:
    """Return the letter about money that went back.

    Args:
        reference: The buyer's own name for the order.
        amount_pence: What went back, in pence.
    """
    return Letter(
        subject=f"Money back for your order {reference}",
        body=f"We have given back {pounds(amount_pence)} for your order {reference}.",
    )
