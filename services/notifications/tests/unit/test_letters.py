"""What buyers are told."""

import pytest

from notifications.letters import captured, declined, pounds, recipient, refunded


@pytest.mark.parametrize(
    ("pence", "text"), [(0, "£0.00"), (5, "£0.05"), (139120, "£1,391.20")]
)
def test_amounts_are_written_as_people_write_them(pence: int, text: str) -> None:
    """Pounds, a point and two digits of pence."""
    assert pounds(pence) == text


def test_every_letter_names_the_order_and_the_amount() -> None:
    """A buyer knows what it is about without asking."""
    for letter in (
        captured("536365", 1000),
        declined("536365", 1000, "No cover."),
        refunded("536365", 1000),
    ):
        assert "536365" in letter.subject
        assert "£10.00" in letter.body


def test_a_declined_payment_is_told_with_its_reason() -> None:
    """The buyer can do something about it."""
    assert "No cover." in declined("536365", 1000, "No cover.").body


@pytest.mark.parametrize(
    ("customer_id", "address"),
    [
        ("17850", "customer-17850@shop.example"),
        (None, "counter@shop.example"),
        ("a b@evil.example", "customer-a_b_evil.example@shop.example"),
    ],
)
def test_letters_go_to_an_address_of_our_own_domain(
    customer_id: str | None, address: str
) -> None:
    """Whatever a customer is called, no letter leaves for a foreign domain."""
    assert recipient(customer_id, "shop.example") == address
