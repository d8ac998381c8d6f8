"""Money, names and times in a buyer's words."""

from datetime import UTC, datetime

import pytest

from storefront.words import day_and_time, pounds, readable


@pytest.mark.parametrize(
    ("pence", "text"),
    [
        (0, "£0.00"),
        (5, "£0.05"),
        (339, "£3.39"),
        (123_456_789, "£1,234,567.89"),
        (-1, "-£0.01"),
    ],
)
def test_pence_are_said_in_pounds(pence: int, text: str) -> None:
    """No rounding, two digits of pence, thousands apart."""
    assert pounds(pence) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("WHITE METAL LANTERN ", "White metal lantern"),
        ("SET/10 BLUE  POLKADOT PARTY CANDLES", "Set/10 blue polkadot party candles"),
        ("CHRISTMAS TREE", "Christmas tree"),
        ("BOX OF 6 CHRISTMAS CRACKERS", "Box of 6 Christmas crackers"),
        ("Tea for Two", "Tea for Two"),
        ("", ""),
    ],
)
def test_names_do_not_shout(name: str, text: str) -> None:
    """Capitals become a sentence; a name somebody wrote with care stays."""
    assert readable(name) == text


def test_moment_is_said_with_its_day() -> None:
    """A day without a leading zero, the month as a word, a 24-hour clock."""
    moment = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)

    assert day_and_time(moment) == "1 December 2010, 08:26"
