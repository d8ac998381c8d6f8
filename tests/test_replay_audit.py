"""The audit passes an honest shop and finds every single breach."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from shop_replay.audit import audit
from shop_replay.databases import RecordsError
from shop_replay.ledger import (
    ALWAYS,
    Ledger,
    Price,
    SentCancellation,
    SentOrder,
    Span,
)
from shop_replay.records import (
    Leftovers,
    count_orders,
    read_leftovers,
    read_records,
)
from shop_replay.settling import settled
from shop_replay.stocktaking import stocktaking

Write = Callable[..., None]


def key(number: int) -> str:
    """Return an id as the databases keep it."""
    return UUID(int=number).hex


IDS = ("id", "cancellation_id", "order_id", "charge_id")
PAID, REFUSED, REFUND, CANCELLATION, CHARGE, DECLINED = map(key, range(1, 7))


@pytest.fixture
def honest(write: Write) -> Ledger:
    """Return the ledger of a run the databases agree with: two orders, one refund."""
    order = "insert into orders values (?, ?, ?, ?, ?, ?, ?)"
    line = "insert into order_lines values (?, ?, ?, ?, ?)"
    write("orders", order, 1, PAID, "1", "17850", "paid", 1300, None)
    write("orders", line, 1, 0, "10002", 4, 200)
    write("orders", line, 1, 1, "10080", 1, 500)
    write("orders", order, 2, REFUSED, "2", None, "refused", 200, "no money")
    write("orders", line, 2, 0, "10002", 1, 200)
    write("orders", "insert into cancellations values (?, 'C3', '17850')", CANCELLATION)
    refund = "insert into refunds values (?, ?, 1, 0, 3, 600, 'refunded')"
    write("orders", refund, REFUND, CANCELLATION)
    charge = "insert into charges values (?, ?, ?, ?, ?)"
    write("payments", charge, CHARGE, PAID, 1300, 600, "captured")
    write("payments", charge, DECLINED, REFUSED, 200, 0, "declined")
    back = "insert into refunds values (?, ?, 600, 'refunded')"
    write("payments", back, REFUND, CHARGE)
    mail = "insert into mails values (?, ?, ?)"
    write("notifications", mail, str(UUID(PAID)), "captured", "")
    write("notifications", mail, str(UUID(REFUSED)), "declined", "")
    write("notifications", mail, str(UUID(PAID)), "refunded", str(UUID(REFUND)))
    shelf = "insert into counts values (?, ?, ?, ?, ?, ?)"
    write("stock", shelf, "10002", 100, 99, 0, 4, 3)
    write("stock", shelf, "10080", 100, 99, 0, 1, 0)
    for sku in ("10002", "10080"):
        write("stock", "insert into receipts values ('opening', ?, 100)", sku)
    hold, units = "insert into holds values (?, ?)", "insert into hold_lines values"
    write("stock", hold, str(UUID(PAID)), "sold")
    write("stock", f"{units} (?, '10002', 4), (?, '10080', 1)", *[str(UUID(PAID))] * 2)
    write("stock", hold, str(UUID(REFUSED)), "refused")
    write("stock", f"{units} (?, '10002', 1)", str(UUID(REFUSED)))
    came = "insert into returns values (?, ?, '10002', 3)"
    write("stock", came, str(UUID(REFUND)), str(UUID(PAID)))
    return Ledger(
        rows_read=6,
        rows_ordered=3,
        rows_refused=Counter({"odd_code": 1}),
        rows_taken_back=1,
        rows_not_taken_back=Counter({"no_matching_purchase": 1}),
        invoices=3,
        orders={
            "1": SentOrder("1", "17850", Counter({("10002", 4): 1, ("10080", 1): 1})),
            "2": SentOrder("2", None, Counter({("10002", 1): 1})),
        },
        cancellations={"C3": SentCancellation("C3", "17850", Counter({"10002": 3}))},
        prices={
            "10002": [Price(200, ALWAYS)],
            "10080": [Price(500, ALWAYS)],
        },
    )


def failed(ledger: Ledger, files: dict[str, Path]) -> list[str]:
    """Return the names of the checks that fail."""
    databases = {name: path for name, path in files.items() if name != "broker"}
    records = read_records(databases, files["broker"])
    checks = [*audit(ledger, records), *stocktaking(records)]
    assert len(checks) == 15
    return [check.name for check in checks if not check.ok]


def test_an_honest_shop_passes(honest: Ledger, shop_files: dict[str, Path]) -> None:
    """No check fails where everything agrees."""
    assert failed(honest, shop_files) == []


def copy(server: "psycopg.Connection[Any]", name: str, path: Path) -> None:
    """Copy a SQLite file into a schema of a PostgreSQL."""
    server.execute(f"create schema {name}".encode())
    with closing(sqlite3.connect(path)) as file:
        tables = file.execute("select name from sqlite_master where type = 'table'")
        for (table,) in tables.fetchall():
            columns = file.execute(f"pragma table_info({table})").fetchall()
            is_own = name in ("orders", "payments")
            kinds = ", ".join(
                f"{column[1]} {'uuid' if is_own and column[1] in IDS else column[2]}"
                for column in columns
            )
            server.execute(f"create table {name}.{table}({kinds})".encode())
            places = ", ".join(["%s"] * len(columns))
            for row in file.execute(f"select * from {table}"):
                into = f"insert into {name}.{table} values ({places})"
                server.execute(into.encode(), row)


def test_postgresql_is_read_as_sqlite_is(
    honest: Ledger, shop_files: dict[str, Path], postgres_url: str
) -> None:
    """The same rows there are the same records, ids kept as PostgreSQL's own."""
    url = postgres_url.replace("+asyncpg", "")
    databases: dict[str, Path | str] = {}
    with psycopg.connect(url, autocommit=True) as server:
        for name, path in shop_files.items():
            copy(server, name, path)
            databases[name] = f"{url}?options=-csearch_path%3D{name}"
    broker = shop_files["broker"]
    del databases["broker"]

    records = read_records(databases, broker)

    files = {name: path for name, path in shop_files.items() if name != "broker"}
    assert records == read_records(files, broker)
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("insert into payments.fleet_outbox values (1)")
    assert read_leftovers(databases, broker).words() == ["1 outbox rows of payments"]
    with pytest.raises(RecordsError, match="cannot be read"):
        count_orders({"orders": databases["payments"]})


ROWS = "every row is accounted for"
ONE = "every acceptable invoice is exactly one order"
DECIDED = "every order is paid, or refused with a reason"
TOTALS = "totals are the sums of their lines"
PRICES = "every price was the product's"
MONEY = "money taken is what paid orders cost"
PROMISED = "every cancellation has the refunds it was promised"
FIT = "no refund passes what was bought"
OUT = "refunds are paid out once"
MAILS = "every buyer is told exactly once"
STUCK = "nothing is on its way or stuck"
UNITS = "every unit is somewhere"
HELD = "every order's units are held once, then sold or free"
BACK = "returned units are back on the shelf"
BREACHES = [
    (ROWS, "orders", "insert into order_lines values (2, 1, '10080', 1, 0)"),
    (ONE, "orders", "delete from orders where number = 2"),
    (ONE, "orders", "insert into orders select 3, id, '1', '17850', state, 0, null "
     "from orders where number = 1"),
    (ONE, "orders", "update orders set reference = 'other' where number = 2"),
    (ONE, "orders", "update order_lines set quantity = 5 where position = 1"),
    (ONE, "orders", "update orders set customer_id = '1' where number = 2"),
    (DECIDED, "orders", "update orders set state = 'accepted' where number = 1"),
    (DECIDED, "orders", "update orders set refused_because = null"),
    (TOTALS, "orders", "update orders set total_pence = 1301 where number = 1"),
    (PRICES, "orders", "update order_lines set price_pence = 501 where position = 1"),
    (MONEY, "payments", "update charges set amount_pence = 1299"),
    (MONEY, "payments", "delete from charges where state = 'captured'"),
    (MONEY, "payments", "update charges set state = 'captured'"),
    (MONEY, "payments", "insert into charges select * from charges"),
    (MONEY, "payments", "update charges set order_id = id"),
    (PROMISED, "orders", "delete from cancellations"),
    (PROMISED, "orders", "update cancellations set reference = 'C4'"),
    (PROMISED, "orders", "update refunds set quantity = 2"),
    (PROMISED, "orders", "insert into cancellations select * from cancellations"),
    (FIT, "orders", "update refunds set amount_pence = 601"),
    (FIT, "orders", "update refunds set quantity = 5, amount_pence = 1000"),
    (FIT, "orders", "update cancellations set customer_id = '1'"),
    (FIT, "orders", "update refunds set cancellation_id = id"),
    (FIT, "orders", "update refunds set state = 'refused'"),
    (OUT, "payments", "delete from refunds"),
    (OUT, "payments", "insert into refunds select * from refunds"),
    (OUT, "payments", "update refunds set amount_pence = 599"),
    (OUT, "payments", "update charges set refunded_pence = 0"),
    (OUT, "orders", "update refunds set state = 'requested'"),
    (MAILS, "notifications", "delete from mails where kind = 'captured'"),
    (MAILS, "notifications", "insert into mails select * from mails"),
    (MAILS, "notifications", "delete from mails where kind = 'refunded'"),
    (MAILS, "notifications", "update mails set kind = 'captured'"),
    (STUCK, "orders", "insert into fleet_outbox values (1)"),
    (STUCK, "payments", "insert into fleet_outbox values (1)"),
    (STUCK, "notifications", "insert into fleet_parked values (1)"),
    (UNITS, "stock", "update counts set on_hand = 98 where sku = '10002'"),
    (UNITS, "stock", "update counts set on_hand = 98, held = 1 where sku = '10080'"),
    (UNITS, "stock", "update receipts set quantity = 101 where sku = '10080'"),
    (UNITS, "stock", "update hold_lines set quantity = 2 where sku = '10080'"),
    (UNITS, "stock", "update holds set state = 'sold'"),
    (UNITS, "stock", "delete from counts where sku = '10080'"),
    (UNITS, "stock", "update counts set received = -1, on_hand = -2 "
     "where sku = '10080'"),
    (HELD, "stock", "delete from holds where state = 'refused'"),
    (HELD, "stock", "update holds set state = 'held' where state = 'refused'"),
    (HELD, "stock", "update hold_lines set sku = '10002'"),
    (HELD, "stock", "insert into holds values ('a script', 'held')"),
    (BACK, "stock", "delete from returns"),
    (BACK, "stock", "insert into returns select * from returns"),
    (BACK, "stock", "update returns set sku = '10080'"),
    (STUCK, "stock", "insert into fleet_parked values (1)"),
    (STUCK, "broker", "insert into delivery values (1)"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "database", "statement"), BREACHES)
def test_a_breach_in_the_databases_is_found(
    honest: Ledger,
    shop_files: dict[str, Path],
    write: Write,
    name: str,
    database: str,
    statement: str,
) -> None:
    """Each doctored database fails the check that guards it."""
    write(database, statement)

    assert name in failed(honest, shop_files)


def test_a_lost_row_is_found(honest: Ledger, shop_files: dict[str, Path]) -> None:
    """Rows read are rows ordered, refused and cancelled; none is lost silently."""
    honest.rows_read += 1

    assert failed(honest, shop_files) == [ROWS]


@pytest.mark.parametrize("kind", ["http_500", "unknown_product"])
def test_a_refusal_that_should_not_be_is_found(
    honest: Ledger, shop_files: dict[str, Path], kind: str
) -> None:
    """Rows may only be refused for the reasons the shop names."""
    honest.rows_read += 1
    honest.rows_refused[kind] += 1

    assert failed(honest, shop_files) == [ROWS]


def test_a_price_the_product_had_at_another_time_is_found(
    honest: Ledger, shop_files: dict[str, Path]
) -> None:
    """An order placed after a price was changed must not be at the old one."""
    honest.had_price("10080", 550, Span(20.0, 21.0))
    before, meanwhile = Span(1.0, 2.0), Span(20.5, 22.0)
    order = honest.orders["1"]

    for span in (before, meanwhile):
        honest.orders["1"] = replace(order, placed=span)
        assert failed(honest, shop_files) == []

    honest.orders["1"] = replace(order, placed=Span(21.5, 22.0))
    assert failed(honest, shop_files) == [PRICES]


def test_an_unanswered_call_is_found(
    honest: Ledger, shop_files: dict[str, Path]
) -> None:
    """A call without an answer fails the run, whatever the databases say."""
    honest.failures.append("1: orders gave no answer")

    assert failed(honest, shop_files) == ["every invoice got an answer"]


def test_a_check_shows_its_first_breaches(
    honest: Ledger, shop_files: dict[str, Path]
) -> None:
    """A long list of breaches is cut and counted."""
    honest.failures.extend(f"{n}: no answer" for n in range(9))
    records = read_records(
        {name: path for name, path in shop_files.items() if name != "broker"},
        shop_files["broker"],
    )

    text = audit(honest, records)[1].text()

    assert text.startswith("FAIL  every invoice got an answer: 3 invoices")
    assert text.endswith("... 4 more")


def test_a_missing_database_is_named(shop_files: dict[str, Path]) -> None:
    """The fleet must tell where every service keeps its data."""
    with pytest.raises(RecordsError, match="no database of orders"):
        count_orders({})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A database that is not there is never made by the audit."""
    path = tmp_path / "orders.db"

    with pytest.raises(RecordsError, match=r"orders\.db"):
        count_orders({"orders": path})

    assert not path.exists()


async def test_rest_is_waited_for_within_a_bound(
    shop_files: dict[str, Path], write: Write
) -> None:
    """What does not come to rest in time is said in words."""
    write("orders", "insert into fleet_outbox values (1)")
    databases = {it: path for it, path in shop_files.items() if it != "broker"}

    left = await settled(
        lambda: read_leftovers(databases, shop_files["broker"]),
        bound_seconds=0.2,
        look_seconds=0.01,
    )

    assert left == ["1 outbox rows of orders"]


async def test_rest_is_several_calm_looks_in_a_row(
    shop_files: dict[str, Path], write: Write
) -> None:
    """An event may slip unseen from one database to the next between two looks."""
    found = [0, 0, 1, 0, 0, 0, 7]
    looks = iter(found)

    def look() -> Leftovers:
        return Leftovers(next(looks), 0, {}, {}, 0)

    assert await settled(look, look_seconds=0.0) == []
    assert next(looks) == 7
