"""Codes that are typed by people."""

import re

import pytest

from vouchers.codes import ALPHABET, new_code, tidy


def test_code_is_three_groups_of_letters_that_cannot_be_mistaken() -> None:
    """No 0, O, 1, I or L: they look alike on paper."""
    code = new_code()

    assert re.fullmatch(f"([{ALPHABET}]{{4}}-){{2}}[{ALPHABET}]{{4}}", code)
    assert not set("0O1IL") & set(ALPHABET)


def test_no_two_codes_are_the_same() -> None:
    """They are drawn from about 10 to the 17th."""
    assert len({new_code() for _ in range(500)}) == 500


@pytest.mark.parametrize(
    "typed", ["ABCD-EFGH-JKMN", "abcdefghjkmn", " abcd efgh-jkmn ", "ab-cdefghjk mn"]
)
def test_spelling_does_not_matter(typed: str) -> None:
    """Lower case, spaces and missing dashes mean the same voucher."""
    assert tidy(typed) == "ABCD-EFGH-JKMN"
