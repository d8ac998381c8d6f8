"""Which purchases a cancellation gives back."""

from collections import defaultdict
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from orders.matching import Outcome, Purchase, Wanted, match

CODES = st.sampled_from(["71053", "85123A", "POST"])


def bought(number: int, sku: str, left: int, *, position: int = 0) -> Purchase:
    """Return a purchase of `left` units at 100 pence."""
    return Purchase(UUID(int=number), number, position, sku, left, 100)


@st.composite
def histories(draw: st.DrawFn) -> list[Purchase]:
    """Draw what a customer bought, in any order."""
    places = draw(
        st.lists(
            st.tuples(st.integers(1, 6), st.integers(0, 3)), max_size=8, unique=True
        )
    )
    return [
        bought(number, draw(CODES), draw(st.integers(0, 9)), position=position)
        for number, position in places
    ]


wishes = st.lists(st.builds(Wanted, CODES, st.integers(1, 12)), max_size=8)


def given_back(outcomes: list[Outcome]) -> dict[tuple[int, int], int]:
    """Return how many units came out of each purchase."""
    units: dict[tuple[int, int], int] = defaultdict(int)
    for outcome in outcomes:
        for taken in outcome.taken:
            place = taken.purchase.order_number, taken.purchase.position
            units[place] += taken.quantity
    return units


@given(histories(), wishes)
def test_never_more_comes_back_than_was_bought(
    purchases: list[Purchase], lines: list[Wanted]
) -> None:
    """From no purchase are more units taken than are left of it."""
    units = given_back(match("17850", lines, purchases))

    left = {(it.order_number, it.position): it.left for it in purchases}
    assert all(0 < units[place] <= left[place] for place in units)


@given(histories(), wishes)
def test_a_line_comes_back_whole_or_not_at_all(
    purchases: list[Purchase], lines: list[Wanted]
) -> None:
    """Units taken are the line's, or none; only purchases of its code are touched."""
    for wanted, outcome in zip(lines, match("1", lines, purchases), strict=True):
        taken = sum(it.quantity for it in outcome.taken)
        assert outcome.wanted == wanted
        assert taken == (wanted.quantity if outcome.accepted else 0)
        assert {it.purchase.sku for it in outcome.taken} <= {wanted.sku}


@given(histories(), wishes)
def test_the_oldest_purchase_is_emptied_first(
    purchases: list[Purchase], lines: list[Wanted]
) -> None:
    """A younger purchase is touched only when nothing is left of the older ones."""
    units = given_back(match("17850", lines, purchases))

    for place in units:
        sku = next(
            it.sku for it in purchases if (it.order_number, it.position) == place
        )
        for older in purchases:
            at = older.order_number, older.position
            if older.sku == sku and at < place:
                assert units.get(at, 0) == older.left


@given(histories(), wishes)
def test_a_line_is_refused_only_for_a_reason(
    purchases: list[Purchase], lines: list[Wanted]
) -> None:
    """What could have come back did: a refused line wants more than is left by then."""
    left: dict[str, int] = defaultdict(int)
    for purchase in purchases:
        left[purchase.sku] += purchase.left

    for outcome in match("17850", lines, purchases):
        wanted = outcome.wanted
        if outcome.reason == "more_than_bought":
            assert wanted.quantity > left[wanted.sku]
        elif outcome.reason == "no_matching_purchase":
            assert wanted.sku not in {it.sku for it in purchases}
        elif outcome.reason == "odd_code":
            assert wanted.sku == "POST"
        else:
            left[wanted.sku] -= wanted.quantity


@given(histories(), wishes)
def test_the_order_purchases_are_read_in_does_not_matter(
    purchases: list[Purchase], lines: list[Wanted]
) -> None:
    """Time decides, not the database."""
    assert match("1", lines, purchases) == match("1", lines, purchases[::-1])


def test_a_buyer_nobody_knows_gives_nothing_back() -> None:
    """Without a customer every line is refused for that reason."""
    outcomes = match(None, [Wanted("71053", 1)], [bought(1, "71053", 9)])

    assert [it.reason for it in outcomes] == ["no_customer"]


def test_what_comes_back_is_worth_what_was_paid() -> None:
    """Units of two purchases come back at their own prices."""
    cheap = Purchase(UUID(int=1), 1, 0, "71053", 2, 100)
    dear = Purchase(UUID(int=2), 2, 0, "71053", 5, 150)

    [outcome] = match("17850", [Wanted("71053", 3)], [dear, cheap])

    assert [it.amount_pence for it in outcome.taken] == [200, 150]
