"""What may become of a hold."""

import pytest

from stock.lifecycle import DECIDED, MOVES, PLACES, HoldState, TransitionError, moved


def test_every_state_says_where_its_units_are() -> None:
    """No state is forgotten in the tables."""
    assert set(PLACES) == set(MOVES) == set(HoldState)


def test_a_decision_is_the_end() -> None:
    """Units of a paid order come back as returns; a refused one is never paid."""
    for decided in DECIDED:
        for state in HoldState:
            with pytest.raises(TransitionError, match="never becomes"):
                moved(decided, state)


def test_only_a_hold_that_waits_for_its_order_expires() -> None:
    """The time of a placed order is never over."""
    expiring = [state for state in HoldState if HoldState.EXPIRED in MOVES[state]]

    assert expiring == [HoldState.HELD]
