"""What the tests of the whole fleet share."""

import os
import runpy
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
sys.path.append(str(ROOT / "scripts"))

# Servers are found and started in one way only: the runtime's tests know how.
_runtime = runpy.run_path(str(ROOT / "libs" / "fleetwright" / "tests" / "conftest.py"))
postgres_url = _runtime["postgres_url"]
rabbit_url = _runtime["rabbit_url"]
kafka_url = _runtime["kafka_url"]
own_kafka = _runtime["own_kafka"]

OUTBOX = "create table fleet_outbox(seq integer primary key)"
PARKED = "create table fleet_parked(seq integer primary key)"
TABLES = {
    "catalog": ("create table products(sku text primary key)",),
    "orders": (
        "create table orders(number integer primary key, id text, reference text, "
        "customer_id text, state text, total_pence integer, refused_because text)",
        "create table order_lines(order_number integer, position integer, sku text, "
        "quantity integer, price_pence integer)",
        "create table cancellations(id text, reference text, customer_id text)",
        "create table refunds(id text, cancellation_id text, order_number integer, "
        "position integer, quantity integer, amount_pence integer, state text)",
        OUTBOX,
        PARKED,
    ),
    "payments": (
        "create table charges(id text, order_id text, amount_pence integer, "
        "refunded_pence integer, state text)",
        "create table refunds(id text, charge_id text, amount_pence integer, "
        "state text)",
        OUTBOX,
        PARKED,
    ),
    "notifications": (
        "create table mails(order_id text, kind text, refund_id text)",
        PARKED,
    ),
    "stock": (
        "create table counts(sku text primary key, received integer, on_hand integer, "
        "held integer, sold integer, returned integer)",
        "create table receipts(delivery_id text, sku text, quantity integer)",
        "create table holds(id text primary key, state text)",
        "create table hold_lines(hold_id text, sku text, quantity integer)",
        "create table returns(id text, hold_id text, sku text, quantity integer)",
        PARKED,
    ),
    "broker": ("create table delivery(seq integer primary key)",),
}


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, names)), ""
    )
    if not found:
        reason = "no Chromium is installed: `apt-get install chromium`, or set CHROMIUM"
        if os.environ.get("FLEET_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture
def shop_files(tmp_path: Path) -> dict[str, Path]:
    """Return the empty databases of a shop and of its broker, by name."""
    folder = tmp_path / ".fleet" / "data"
    folder.mkdir(parents=True)
    files = {name: folder / f"{name}.db" for name in TABLES}
    for name, path in files.items():
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("pragma synchronous = off")
            for statement in TABLES[name]:
                connection.execute(statement)
    return files


@pytest.fixture
def write(shop_files: dict[str, Path]) -> Callable[..., None]:
    """Return what runs one statement in one of the databases."""

    def run(name: str, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(shop_files[name])) as connection, connection:
            connection.execute("pragma synchronous = off")
            connection.execute(statement, values)

    return run
