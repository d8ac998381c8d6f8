"""What the services' databases say, read without the services."""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from fleetwright.errors import FleetwrightError
from shop_replay.stock_records import StockBooks, read_stock

PUBLISHERS = ("orders", "payments")
CONSUMERS = ("notifications", "orders", "payments", "stock")
READ_SECONDS = 30.0


class RecordsError(FleetwrightError):
    """A database cannot be read, or is not what it should be."""


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


def read_records(databases: Mapping[str, Path], broker: Path) -> Records:
    """Return what all databases of the shop say.

    Args:
        databases: The SQLite file of each service.
        broker: The file of the embedded broker.

    Raises:
        RecordsError: A file or a table is missing.
    """
    with _reading(databases, "orders") as orders:
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
    with _reading(databases, "payments") as payments:
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
    with _reading(databases, "notifications") as notifications:
        mails = Counter(
            (_id(order_id), str(kind), _id(refund_id))
            for order_id, kind, refund_id in notifications.execute(
                "select order_id, kind, refund_id from mails"
            )
        )
    with _reading(databases, "stock") as stock:
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


def read_leftovers(databases: Mapping[str, Path], broker: Path) -> Leftovers:
    """Return what is still on its way or stuck.

    Args:
        databases: The SQLite file of each service.
        broker: The file of the embedded broker.

    Raises:
        RecordsError: A file or a table is missing.
    """
    outbox = _counts(databases, "fleet_outbox", PUBLISHERS)
    with _opened(broker) as connection:
        deliveries = _count(connection, "delivery")
    with _reading(databases, "orders") as orders:
        undecided = _count(orders, "orders where state = 'accepted'")
        refunds = _count(orders, "refunds where state = 'requested'")
    parked = _counts(databases, "fleet_parked", CONSUMERS)
    return Leftovers(undecided, refunds, outbox, parked, deliveries)


def count_orders(databases: Mapping[str, Path]) -> int:
    """Return how many orders and cancellations the shop has taken so far.

    Args:
        databases: The SQLite file of each service.

    Raises:
        RecordsError: The file or a table is missing.
    """
    with _reading(databases, "orders") as orders:
        return _count(orders, "orders") + _count(orders, "cancellations")


def _orders(connection: sqlite3.Connection) -> Iterator[Order]:
    lines: dict[int, list[Line]] = {}
    for number, *values in connection.execute(
        "select order_number, position, sku, quantity, price_pence from order_lines "
        "order by order_number, position"
    ):
        lines.setdefault(number, []).append(Line(*values))
    for number, order_id, *values in connection.execute(
        "select number, id, reference, customer_id, state, total_pence, "
        "refused_because from orders order by number"
    ):
        theirs = tuple(lines.get(number, ()))
        yield Order(_id(order_id), *[*values, theirs])


def _counts(
    databases: Mapping[str, Path], table: str, required: tuple[str, ...]
) -> dict[str, int]:
    """Return the rows of a table in each database that has it; some must."""
    found = {}
    for name in databases:
        with _reading(databases, name) as connection:
            known = connection.execute(
                "select 1 from sqlite_master where type = 'table' and name = ?",
                (table,),
            ).fetchone()
            if known or name in required:
                found[name] = _count(connection, table)
    return found


def _count(connection: sqlite3.Connection, what: str) -> int:
    return int(connection.execute(f"select count(*) from {what}").fetchone()[0])


@contextmanager
def _reading(
    databases: Mapping[str, Path], service: str
) -> Iterator[sqlite3.Connection]:
    if service not in databases:
        raise RecordsError(
            f"the fleet tells of no database of {service}",
            where=f"known: {', '.join(sorted(databases)) or 'none'}",
            hint="look at `database_url` in `fleet ps --json`",
        )
    with _opened(databases[service]) as connection:
        yield connection


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file for reading only, and name it in whatever goes wrong."""
    try:
        with closing(
            sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=READ_SECONDS
            )
        ) as connection:
            yield connection
    except sqlite3.Error as error:
        raise RecordsError(
            f"cannot be read: {error}",
            where=str(path),
            hint="start the fleet with `fleet up --detach`; its services make the file",
        ) from error


def _id(value: Any) -> str:
    """Return an id as 32 hexadecimal digits, however it was kept; nothing as ""."""
    return UUID(str(value)).hex if value else ""
