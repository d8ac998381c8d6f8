"""When money may go back."""

from hypothesis import given
from hypothesis import strategies as st

from payments.money import ChargeState, refund_refusal

PENCE = st.integers(1, 1000)


@given(PENCE, st.lists(PENCE, max_size=20))
def test_refunds_never_exceed_the_charge(charged: int, wanted: list[int]) -> None:
    """However they come, what goes back adds up to no more than was taken."""
    back = 0
    for amount in wanted:
        refused = refund_refusal(
            ChargeState.CAPTURED,
            charged_pence=charged,
            refunded_pence=back,
            amount_pence=amount,
        )
        if refused is None:
            back += amount
        else:
            assert refused == "exceeds_charge"
            assert back + amount > charged

    assert back <= charged


@given(PENCE)
def test_nothing_goes_back_of_a_declined_charge(amount: int) -> None:
    """What was not taken cannot be given."""
    assert (
        refund_refusal(
            ChargeState.DECLINED,
            charged_pence=1000,
            refunded_pence=0,
            amount_pence=amount,
        )
        == "not_captured"
    )
