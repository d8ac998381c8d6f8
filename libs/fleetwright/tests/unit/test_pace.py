"""How many deliveries share a transaction."""

from hypothesis import given
from hypothesis import strategies as st

from fleetwright.events._pace import Pace


def test_batch_that_ran_out_of_time_makes_the_next_one_as_long_as_it_got() -> None:
    """What is claimed and not begun is claimed in vain."""
    pace = Pace("sqlite")

    pace.went(pace.limit, 3)

    assert pace.limit == 3


def test_single_delivery_that_went_well_lets_others_join_again() -> None:
    """Being slow once, or undone once, is not for ever."""
    pace = Pace("postgresql")
    pace.went(8, 1)
    assert pace.limit == 1

    pace.went(1, 1)

    assert pace.limit == 2


def test_batch_that_was_not_full_tells_nothing() -> None:
    """Only who uses the limit learns whether there could be more."""
    pace = Pace("sqlite")
    before = pace.limit

    pace.went(before - 1, before - 1)

    assert pace.limit == before


@given(st.lists(st.one_of(st.just("undone"), st.just("full"), st.integers(0, 200))))
def test_limit_is_always_one_or_more_and_bounded(story: list[str | int]) -> None:
    """Law: whatever happens, somebody is handled, and no transaction is endless."""
    pace = Pace("postgresql")
    for what in story:
        if what == "undone":
            pace.was_undone()
        elif what == "full":
            pace.went(pace.limit, pace.limit)
        else:
            pace.went(pace.limit, min(pace.limit, int(what)))
        assert 1 <= pace.limit <= 48
