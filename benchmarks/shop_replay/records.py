"""What the services' databases say, read without the services."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shop_replay.brokers import waiting
from shop_replay.databases import Books, Place, Places, count, has_table, reading
from shop_replay.stock_records import StockBooks, read_stock

PUBLISHERS = ("orders", "payments")
CONSUMERS = ("notifications", "orders", "payments", "stock")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a kept order."""

    position: int
    sku: str
    quantity: int
    price_pence: int


@dataclass(frozen=True, slots=True)
class Order:
    """One kept order; ids are 32 hexadecimal digits."""

    id: str
    reference: str
    customer_id: str | None
    state: str
    total_pence: int
    refused_because: str | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Cancellation:
    """One kept cancellation."""

    id: str
    reference: str
    customer_id: str | None


@dataclass(frozen=True, slots=True)
class Refund:
    """Units of an order line given back, as orders keeps them."""

    id: str
    cancellation_id: str
    order_id: str
    position: int
    quantity: int
    amount_pence: int
    state: str


@dataclass(frozen=True, slots=True)
class Charge:
    """Money taken or declined, as payments keeps it."""

    order_id: str
    amount_pence: int
    refunded_pence: int
    state: str


@dataclass(frozen=True, slots=True)
class MoneyBack:
    """A refund as payments keeps it."""

    id: str
    order_id: str
    amount_pence: int
    state: str


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What is still on its way or stuck.

    Attributes:
        undecided_orders: Orders accepted, neither paid nor refused.
        undecided_refunds: Refunds requested, neither paid out nor refused.
        outbox: Events not yet with the broker, by service.
        parked: Events waiting or dead in a consumer, by service.
        deliveries: Events with the broker that a consumer has not taken.
    """

    undecided_orders: int
    undecided_refunds: int
    outbox: Mapping[str, int]
    parked: Mapping[str, int]
    deliveries: int

    def words(self) -> list[str]:
        """Return what is not at rest, in words; empty when all is."""
        counts = {
            "orders accepted and not decided": self.undecided_orders,
            "refunds requested and not decided": self.undecided_refunds,
            "deliveries with the broker": self.deliveries,
        }
        counts |= {f"outbox rows of {name}": n for name, n in self.outbox.items()}
        counts |= {f"parked events of {name}": n for name, n in self.parked.items()}
        return [f"{count} {what}" for what, count in counts.items() if count]


@dataclass(frozen=True, slots=True)
class Records:
    """Everything the audit looks at; `mails` counts (order id, kind, refund id)."""

    orders: tuple[Order, ...]
    cancellations: tuple[Cancellation, ...]
    refunds: tuple[Refund, ...]
    charges: tuple[Charge, ...]
    money_back: tuple[MoneyBack, ...]
    mails: Mapping[tuple[str, str, str], int]
    leftovers: Leftovers
    stock: StockBooks


def read_records(databases: Places, broker: Place) -> Records:
    """Return what all databases of the shop say.

    Args:
        databases: Where each service keeps its data.
        broker: The file of the embedded broker, or the URL of another.

    Raises:
        RecordsError: A database or a table is missing.
    """
    with reading(databases, "orders") as orders:
        kept = tuple(_orders(orders))
        cancellations = tuple(
            Cancellation(_id(row[0]), *row[1:])
            for row in orders.execute(
                "select id, reference, customer_id from cancellations"
            )
        )
        refunds = tuple(
            Refund(_id(row[0]), _id(row[1]), _id(row[2]), *row[3:])
            for row in orders.execute(
                "select r.id, r.cancellation_id, o.id, r.position, r.quantity, "
                "r.amount_pence, r.state from refunds r "
                "left join orders o on o.number = r.order_number"
            )
        )
    with reading(databases, "payments") as payments:
        charges = tuple(
            Charge(_id(row[0]), *row[1:])
            for row in payments.execute(
                "select order_id, amount_pence, refunded_pence, state from charges"
            )
        )
        money_back = tuple(
            MoneyBack(_id(row[0]), _id(row[1]), *row[2:])
            for row in payments.execute(
                "select r.id, c.order_id, r.amount_pence, r.state from refunds r "
                "left join charges c on c.id = r.charge_id"
            )
        )
    with reading(databases, "notifications") as notifications:
        mails = Counter(
            (_id(order_id), str(kind), _id(refund_id))
            for order_id, kind, refund_id in notifications.execute(
                "select order_id, kind, refund_id from mails"
            )
        )
    with reading(databases, "stock") as stock:
        books = read_stock(stock)
    return Records(
        orders=kept,
        cancellations=cancellations,
        refunds=refunds,
        charges=charges,
        money_back=money_back,
        mails=mails,
        leftovers=read_leftovers(databases, broker),
        stock=books,
    )


def read_leftovers(databases: Places, broker: Place) -> Leftovers:
    """Return what is still on its way or stuck.

    Args:
        databases: Where each service keeps its data.
        broker: The file of the embedded broker, or the URL of another.

    Raises:
        RecordsError: A database or a table is missing.
    """
    outbox = _counts(databases, "fleet_outbox", PUBLISHERS)
    deliveries = waiting(broker)
    with reading(databases, "orders") as orders:
        undecided = count(orders, "orders where state = 'accepted'")
        refunds = count(orders, "refunds where state = 'requested'")
    parked = _counts(databases, "fleet_parked", CONSUMERS)
    return Leftovers(undecided, refunds, outbox, parked, deliveries)


def count_orders(databases: Places) -> int:
    """Return how many orders and cancellations the shop has taken so far.

    Args:
        databases: Where each service keeps its data.

    Raises:
        RecordsError: The database or a table is missing.
    """
    with reading(databases, "orders") as orders:
        return count(orders, "orders") + count(orders, "cancellations")


def _orders(books: Books) -> Iterator[Order]:
    lines: dict[int, list[Line]] = {}
    for number, *values in books.execute(
        "select order_number, position, sku, quantity, price_pence from order_lines "
        "order by order_number, position"
    ):
        lines.setdefault(number, []).append(Line(*values))
    for number, order_id, *values in books.execute(
        "select number, id, reference, customer_id, state, total_pence, "
        "refused_because from orders order by number"
    ):
        theirs = tuple(lines.get(number, ()))
        yield Order(_id(order_id), *[*values, theirs])


def _counts(databases: Places, table: str, required: tuple[str, ...]) -> dict[str, int]:
    """Return the rows of a table in each database that has it; some must."""
    found = {}
    for name in databases:
        with reading(databases, name) as books:
            if has_table(books, table) or name in required:
                found[name] = count(books, table)
    return found


def _id(value: Any) -> str:
    """Return an id as 32 hexadecimal digits, however it was kept; nothing as ""."""
    return UUID(str(value)).hex if value else ""
