"""What was asked of the shop and what it answered: nothing is lost silently."""

from collections import Counter
from dataclasses import dataclass, field

KNOWN_REFUSALS = frozenset(
    {
        "odd_code",
        "no_description",
        "price_not_positive",
        "unknown_product",
        "quantity_not_positive",
        "out_of_stock",
    }
)
KNOWN_REASONS = frozenset(
    {"no_customer", "no_matching_purchase", "more_than_bought", "odd_code"}
)


@dataclass(frozen=True, slots=True)
class Span:
    """A time by the replay's clock, in seconds, both ends included."""

    since: float
    until: float

    def meets(self, other: "Span") -> bool:
        """Return whether some moment lies in both."""
        return self.since <= other.until and other.since <= self.until


ALWAYS = Span(float("-inf"), float("inf"))


@dataclass(frozen=True, slots=True)
class Price:
    """A price the catalog was given.

    Attributes:
        pence: What one unit cost, in pence.
        given: From the first try of giving it until the catalog's answer.
    """

    pence: int
    given: Span


@dataclass(frozen=True, slots=True)
class SentOrder:
    """An order the shop accepted.

    Attributes:
        reference: The invoice's number, which is also its Idempotency-Key.
        customer_id: Who bought; None when unknown.
        lines: How often each (sku, quantity) was sent.
        placed: From the first try until the answer.
    """

    reference: str
    customer_id: str | None
    lines: Counter[tuple[str, int]]
    placed: Span = ALWAYS


@dataclass(frozen=True, slots=True)
class SentCancellation:
    """A cancellation the shop answered.

    Attributes:
        reference: Its number, which is also its Idempotency-Key.
        customer_id: Who gives back; None when unknown.
        accepted: Units accepted back, by stock code.
    """

    reference: str
    customer_id: str | None
    accepted: Counter[str]


@dataclass(slots=True)
class Ledger:
    """The replay's own books, compared with the shop's at the end.

    Owned by the one task group that places invoices; nothing else writes to it.

    Attributes:
        rows_read: Rows of all files.
        rows_ordered: Rows that became lines of orders.
        rows_refused: Rows the shop refused, by the kind of the problem.
        rows_taken_back: Rows of cancellations the shop accepted.
        rows_not_taken_back: Rows of cancellations it did not, by reason.
        invoices: Invoices read, cancellations included.
        empty_invoices: Invoices none of whose rows was acceptable.
        orders: Accepted orders by reference.
        cancellations: Answered cancellations by reference.
        prices: Every price each product had during the run, in the order given.
        failures: Calls that got no answer that counts, in words.
        repeats: Calls made again after no answer, by what went wrong.
    """

    rows_read: int = 0
    rows_ordered: int = 0
    rows_refused: Counter[str] = field(default_factory=Counter)
    rows_taken_back: int = 0
    rows_not_taken_back: Counter[str] = field(default_factory=Counter)
    invoices: int = 0
    empty_invoices: int = 0
    orders: dict[str, SentOrder] = field(default_factory=dict)
    cancellations: dict[str, SentCancellation] = field(default_factory=dict)
    prices: dict[str, list[Price]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    repeats: Counter[str] = field(default_factory=Counter)

    @property
    def rows_accounted(self) -> int:
        """Rows whose fate is known: ordered, refused, taken back or not."""
        return (
            self.rows_ordered
            + self.rows_refused.total()
            + self.rows_taken_back
            + self.rows_not_taken_back.total()
        )

    def had_price(self, sku: str, pence: int, given: Span) -> None:
        """Note that the catalog was given a price.

        Args:
            sku: The product.
            pence: What one unit costs from now on, in pence.
            given: From the first try until the catalog's answer; not before the last
                price of this product was given.
        """
        self.prices.setdefault(sku, []).append(Price(pence, given))

    def prices_during(self, sku: str, span: Span) -> set[int]:
        """Return what a product may have cost within a time, in pence.

        A price holds from when it may first have arrived until the next one surely had.

        Args:
            sku: The product.
            span: The time asked about.
        """
        known = self.prices.get(sku, [])
        ends = [price.given.until for price in known[1:]] + [float("inf")]
        return {
            price.pence
            for price, end in zip(known, ends, strict=True)
            if Span(price.given.since, end).meets(span)
        }
