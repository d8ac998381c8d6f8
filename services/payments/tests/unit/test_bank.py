"""The simulated bank."""

import pytest

from payments.bank import Bank, BankUnavailable, Manners, bank, draw
from payments.settings import PaymentsSettings

MANY = 20_000


async def no_wait(seconds: float) -> None:
    """Let no time pass."""


def test_a_draw_depends_on_its_words_alone() -> None:
    """The same words always draw the same number."""
    assert draw(1, "536365") == draw(1, "536365")
    assert draw(1, "536365") != draw(2, "536365")


@pytest.mark.parametrize("share", [0.02, 0.25])
def test_draws_are_evenly_spread(share: float) -> None:
    """A share of the references falls below that share."""
    below = sum(draw(1, 536_000 + number) < share for number in range(MANY))

    assert below / MANY == pytest.approx(share, rel=0.15)


def test_each_attempt_of_a_call_is_drawn_anew() -> None:
    """A bank that is down for a tenth is down three times for a thousandth."""
    manners = Manners(down_share=0.1)
    thrice = sum(
        all(manners.is_down(f"charge-{number}", attempt) for attempt in range(3))
        for number in range(20_000)
    )

    assert 5 < thrice < 50


async def test_a_kind_bank_takes_the_money() -> None:
    """Without bad manners nothing is declined."""
    assert await Bank(Manners()).charge("k", "536365") is None


async def test_a_reference_is_declined_for_ever_or_never() -> None:
    """What is declined depends on seed and reference, not on key or try."""
    strict = Bank(Manners(declined_share=0.5), sleep=no_wait)
    references = [str(536_365 + number) for number in range(20)]

    first = [await strict.charge(f"a-{it}", it) for it in references]
    second = [await strict.charge(f"b-{it}", it) for it in references]

    assert first == second
    assert {None, "The bank declined the card."} == set(first)


async def test_a_call_not_answered_is_answered_some_tries_later() -> None:
    """Down is a matter of the attempt: every key gets through in the end."""
    shaky = Bank(Manners(down_share=0.5))
    tries = []
    for number in range(50):
        for attempt in range(1, 50):
            try:
                await shaky.refund(f"refund-{number}")
            except BankUnavailable:
                continue
            tries.append(attempt)
            break

    assert len(tries) == 50
    assert max(tries) > 1


async def test_an_unanswered_call_says_so_in_three_parts() -> None:
    """The error names the call, and is one that is worth another try."""
    with pytest.raises(BankUnavailable, match="hint: it is asked again") as caught:
        await Bank(Manners(down_share=1)).charge("charge-1", "536365")

    assert (caught.value.provider, caught.value.reason) == ("bank", "connect")


async def test_a_slow_call_takes_its_seconds_and_passes() -> None:
    """Slow is not down."""
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    slow = Bank(Manners(slow_share=1, slow_seconds=0.2), sleep=wait)

    assert await slow.charge("charge-1", "536365") is None
    assert waited == [0.2]


async def test_the_settings_describe_the_bank() -> None:
    """Shares of one make a bank that is never there."""
    never = bank(PaymentsSettings(bank_down_share=1.0))

    with pytest.raises(BankUnavailable):
        await never.refund("refund-1")
