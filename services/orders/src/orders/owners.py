"""Whose orders a caller may see and change: a buyer only their own."""

from typing import Final

from fleetwright import Problem
from fleetwright.auth import Principal

CLERK: Final = "clerk"  # the role of people who work for all customers


def only(caller: Principal) -> str | None:
    """Return the one customer a caller may act for, or None for all of them.

    Args:
        caller: Who calls; services act for every customer.
    """
    if caller.kind == "service" or CLERK in caller.roles:
        return None
    return caller.subject


def acts_for(caller: Principal, customer_id: str | None) -> bool:
    """Return whether a caller may act for a customer.

    Args:
        caller: Who calls.
        customer_id: The customer; None for a guest, for whom no buyer acts.
    """
    own = only(caller)
    return own is None or own == customer_id


def require_own(caller: Principal, customer_id: str | None) -> None:
    """Refuse a buyer who acts for another.

    Args:
        caller: Who calls.
        customer_id: The customer of the order or the cancellation.

    Raises:
        Problem: 403 `not_yours`.
    """
    if not acts_for(caller, customer_id):
        raise Problem(
            403,
            "Not yours",
            detail="A buyer acts for themselves only.",
            kind="not_yours",
        )
