"""Every keyword, in both directions."""

from typing import Any

import pytest
from matrix import composed, dialects, insides, scalars

from fleetwright_contracts import (
    DRAFT_2020,
    Dialect,
    Judgement,
    Verdict,
    compare_schemas,
)

TABLES = (scalars, insides, composed)
NARROWER = [(DRAFT_2020, row) for table in TABLES for row in table.NARROWER]
NARROWER += dialects.NARROWER
EQUAL = [(DRAFT_2020, row) for table in TABLES for row in table.EQUAL]
EQUAL += dialects.EQUAL
CROSSING = [(DRAFT_2020, row) for table in TABLES for row in table.CROSSING]
FITS, BREAKS = Verdict.FITS, Verdict.BREAKS


def named(case: Any) -> str | None:
    """Return the name of a row."""
    return case[0] if isinstance(case, tuple) else getattr(case, "name", None)


def judged(dialect: Dialect, sent: Any, read: Any) -> tuple[Judgement, Verdict]:
    """Return a judgement and its verdict."""
    judgement = compare_schemas(sent, read, dialect=dialect)
    return judgement, judgement.verdict


def test_there_are_at_least_400_pairs() -> None:
    """The matrix is as large as it is said to be."""
    assert 2 * (len(NARROWER) + len(EQUAL) + len(CROSSING)) >= 400


@pytest.mark.parametrize(("dialect", "row"), NARROWER, ids=named)
def test_narrow_fits_wide(dialect: Dialect, row: scalars.Row) -> None:
    """What is sent as the narrow one says is read by the wide one."""
    _, narrow, wide = row

    judgement, verdict = judged(dialect, narrow, wide)

    assert verdict is FITS, judgement


@pytest.mark.parametrize(("dialect", "row"), NARROWER, ids=named)
def test_wide_breaks_narrow(dialect: Dialect, row: scalars.Row) -> None:
    """There is a value of the wide one that the narrow one refuses."""
    _, narrow, wide = row

    judgement, verdict = judged(dialect, wide, narrow)

    assert verdict is BREAKS, judgement


@pytest.mark.parametrize(("dialect", "row"), EQUAL, ids=named)
def test_equal_ones_fit_both_ways(dialect: Dialect, row: scalars.Row) -> None:
    """What is said in two ways is the same."""
    _, one, other = row

    there, back = judged(dialect, one, other), judged(dialect, other, one)

    assert (there[1], back[1]) == (FITS, FITS), (there, back)


@pytest.mark.parametrize(("dialect", "row"), CROSSING, ids=named)
def test_crossing_ones_break_both_ways(dialect: Dialect, row: scalars.Row) -> None:
    """Each has a value that the other refuses."""
    _, one, other = row

    there, back = judged(dialect, one, other), judged(dialect, other, one)

    assert (there[1], back[1]) == (BREAKS, BREAKS), (there, back)


@pytest.mark.parametrize(("dialect", "row"), NARROWER + EQUAL + CROSSING, ids=named)
def test_each_fits_itself(dialect: Dialect, row: scalars.Row) -> None:
    """Nothing breaks where nothing was changed."""
    _, one, other = row

    assert judged(dialect, one, one)[1] is FITS
    assert judged(dialect, other, other)[1] is FITS
