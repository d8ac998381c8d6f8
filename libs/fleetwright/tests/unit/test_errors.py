"""Errors say what, where and the mend; their facts are attributes."""

import pytest

from fleetwright import DeadlineExceeded, FleetwrightError, Refused, Unavailable


@pytest.mark.parametrize(
    ("where", "hint", "text"),
    [
        ("a.py:3", "do b", "what\n  a.py:3\nhint: do b"),
        ("one\ntwo", None, "what\n  one\n  two"),
        (None, "do b", "what\nhint: do b"),
        (None, None, "what"),
    ],
)
def test_text_has_a_line_for_each_part_that_is_known(
    where: str | None, hint: str | None, text: str
) -> None:
    """What, where and mend stand on their own lines; what is unknown is left out."""
    assert str(FleetwrightError("what", where=where, hint=hint)) == text


def test_refusal_carries_the_answer() -> None:
    """Status, problem and provider of a refusal are attributes."""
    refused = Refused("no", status=409, problem={"kind": "x"}, provider="catalog")

    assert (refused.status, refused.problem, refused.provider) == (
        409,
        {"kind": "x"},
        "catalog",
    )


def test_deadline_is_a_kind_of_unavailable() -> None:
    """Who catches Unavailable also catches an answer that came too late."""
    error = DeadlineExceeded(provider="catalog")

    assert isinstance(error, Unavailable)
    assert (error.reason, error.provider) == ("deadline", "catalog")
