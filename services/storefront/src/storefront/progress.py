"""How far an order has come, in words and steps for the buyer."""

from dataclasses import dataclass
from enum import StrEnum

from storefront.clients import Order, OrderStatus
from storefront.words import pounds, readable


class StepState(StrEnum):
    """Where a step stands."""

    done = "done"
    now = "now"
    failed = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an order: what it is, where it stands, and a sentence about it."""

    title: str
    state: StepState
    detail: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an order has come.

    Attributes:
        headline: The state in one sentence.
        steps: What happened and what comes, in order.
        is_settled: Whether nothing more will happen by itself.
    """

    headline: str
    steps: list[Step]
    is_settled: bool


def progress(order: Order) -> Progress:
    """Return how far the order has come."""
    total = pounds(order.total_pence)
    accepted = Step("Accepted", StepState.done, "The shop has your order.")
    match order.status:
        case OrderStatus.accepted:
            return Progress(
                "Your order is accepted",
                [accepted, Step("Payment", StepState.now, f"Asking for {total} now.")],
                is_settled=False,
            )
        case OrderStatus.paid:
            return Progress(
                "Your order is paid",
                [accepted, Step("Paid", StepState.done, f"{total} was taken.")],
                is_settled=True,
            )
        case OrderStatus.refused:
            why = readable((order.refused_because or "no reason given").upper())
            return Progress(
                "Your order was refused",
                [
                    accepted,
                    Step("Refused", StepState.failed, f"{why}. Nothing was taken."),
                ],
                is_settled=True,
            )
