"""Two processes of vouchers that spend the same vouchers at the same time."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from fleetwright.database import Database
from fleetwright.events._tables import PRODUCER_TABLES, ensure, outbox
from vouchers.messages import NewVoucher
from vouchers.redeeming import issued
from vouchers.tables import RedemptionRow

VOUCHERS = 30
SPEND = """
import sys
from uuid import UUID
from fleetwright import Problem
from fleetwright.database import Database
from vouchers.clients import Order, OrderStatus
from vouchers.redeeming import redeemed

url, first, codes = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
database = Database(url)
print("ready", flush=True)
sys.stdin.readline()
for number, code in enumerate(codes):
    order = Order(
        id=UUID(int=first + number),
        customer_id=None,
        status=OrderStatus.paid,
        total_pence=900,
    )
    try:
        with database.transaction() as transaction:
            redeemed(transaction, code, order)
    except Problem as problem:
        print(problem.extensions["kind"], flush=True)
    else:
        print("spent", flush=True)
"""


@pytest.fixture
async def database(tmp_path: Path) -> Database:
    """Return a database that two processes may open."""
    database = Database(
        f"sqlite:///{tmp_path}/vouchers.db", migrations="vouchers.migrations"
    )
    await database.migrate()
    await ensure(database.on_loop, PRODUCER_TABLES)
    return database


async def test_each_voucher_is_spent_by_one_of_them(database: Database) -> None:
    """SQLite has no row locks: the second one waits for its turn and reads anew."""

    def issue() -> list[str]:
        with database.transaction() as transaction:
            new = NewVoucher(amount_pence=500)
            return [issued(transaction, new).code for _ in range(VOUCHERS)]

    codes = await asyncio.to_thread(issue)
    told = await asyncio.to_thread(spend, database.url, codes)

    def kept() -> tuple[object, object]:
        with database.reading() as reading:
            return (
                reading.scalar(select(func.count()).select_from(RedemptionRow)),
                reading.scalar(select(func.count()).select_from(outbox)),
            )

    redemptions, events = await asyncio.to_thread(kept)
    await database.close()
    assert sorted(told) == ["spent"] * VOUCHERS + ["voucher_spent"] * VOUCHERS
    assert (redemptions, events) == (VOUCHERS, VOUCHERS)


def spend(url: str, codes: list[str]) -> list[str]:
    """Have two processes spend all vouchers, and return what each try came to."""
    spenders = [
        subprocess.Popen(
            [sys.executable, "-c", SPEND, url, str(first), *codes],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in (1_000, 2_000)
    ]
    for spender in spenders:
        assert spender.stdout is not None
        assert spender.stdout.readline() == "ready\n"
    for spender in spenders:
        assert spender.stdin is not None
        spender.stdin.write("go\n")
        spender.stdin.flush()
    told = [spender.communicate(timeout=60)[0] for spender in spenders]
    assert [spender.returncode for spender in spenders] == [0, 0]
    return "".join(told).split()
