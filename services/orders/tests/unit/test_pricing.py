"""What an order costs, and which lines cannot be bought."""

from orders.clients import Quote
from orders.messages import NewLine
from orders.pricing import askable, bad_lines, priced_lines, total_pence

PRICES = {"71053": Quote(sku="71053", name="LANTERN", price_pence=339)}


def test_only_what_may_be_a_product_is_asked_for_and_once() -> None:
    """Odd codes are not worth a question, and no code is asked for twice."""
    skus = ["71053", "POST", "85123A", "71053"]

    assert askable(NewLine(sku=sku, quantity=1) for sku in skus) == ["71053", "85123A"]


def test_every_bad_line_is_found_with_its_first_fault() -> None:
    """Code comes before product, product before quantity; good lines are not told."""
    lines = [
        NewLine(sku="71053", quantity=1),
        NewLine(sku="POST", quantity=0),
        NewLine(sku="99999", quantity=-1),
        NewLine(sku="71053", quantity=0),
    ]

    assert [(bad.index, bad.sku, bad.kind) for bad in bad_lines(lines, PRICES)] == [
        (1, "POST", "odd_code"),
        (2, "99999", "unknown_product"),
        (3, "71053", "quantity_not_positive"),
    ]


def test_lines_of_one_product_stay_apart() -> None:
    """The same code twice is two lines, each at the price of one unit."""
    lines = [NewLine(sku="71053", quantity=2), NewLine(sku="71053", quantity=3)]

    bought = priced_lines(lines, PRICES)

    assert [(line.name, line.quantity) for line in bought] == [
        ("LANTERN", 2),
        ("LANTERN", 3),
    ]
    assert total_pence(bought) == 5 * 339
