"""Events survive the death of any process at any moment."""

import os
import secrets
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleetwright._sqlite import sqlite_module
from fleetwright.events.brokers._embedded_file import EmbeddedFile

WORKER = Path(__file__).with_name("survival_worker.py")
ROLES = ("producer-a", "producer-b", "relay-a", "consumer-1", "consumer-2")
EVERYWHERE = ",".join(
    f"{point}:{0.005 if point.startswith('producer') else 0.02}"
    for point in (
        "producer.before_commit",
        "producer.after_commit",
        "relay.before_publish",
        "relay.after_publish",
        "relay.after_delete",
        "consumer.before_effect",
        "consumer.after_effect",
        "consumer.after_commit",
        "consumer.after_ack",
        "consumer.before_park",
        "consumer.after_park",
        "consumer.after_retry",
    )
)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was found when all was quiet again.

    Attributes:
        orders: How many orders were committed.
        lost: Orders without an effect.
        doubled: Effects beyond the first of their order.
        disordered: Effects that came out of the order of their key.
        deaths: How often a process died, by place.
    """

    orders: int
    lost: int
    doubled: int
    disordered: int
    deaths: Counter[str]


def opened(path: Path, schema: str = "") -> sqlite3.Connection:
    """Return a connection to a database of the test."""
    connection: sqlite3.Connection = sqlite_module().connect(path, timeout=60)
    if schema:
        connection.execute("pragma journal_mode=wal")
        connection.execute(schema)
        connection.commit()
    return connection


def rows(path: Path, sql: str) -> list[tuple[str, int]]:
    """Return what a database says."""
    connection = opened(path)
    found = connection.execute(sql).fetchall()
    connection.close()
    return found


def survive(folder: Path, *, seconds: float, environment: dict[str, str]) -> Ledger:
    """Run the fleet through trouble, let it come to rest and read what it did."""
    seed = os.environ.get("SURVIVAL_SEED", secrets.token_hex(4))
    sys.stdout.write(f"SURVIVAL_SEED={seed}\n")
    for name in ("a", "b"):
        opened(folder / f"{name}.db", "create table orders(key text, n int)").close()
    table = "create table ledger(i integer primary key autoincrement, key text, n int)"
    opened(folder / "payments.db", table).close()
    # A group hears from its first subscription on: before any of them dies.
    broker = EmbeddedFile(str(folder / "broker.db"))
    broker.subscribe("payments", ["orders.placed"])
    broker.close()
    errors = folder / "errors.txt"
    with errors.open("w") as stderr:
        workers = subprocess.Popen(
            [sys.executable, WORKER, folder, seed, *ROLES],
            stderr=stderr,
            env=os.environ | environment,
        )
        wait_until((folder / "ready").exists, 60.0)
        (folder / "going").write_text(str(time.time() + seconds))
        (folder / "going").rename(folder / "go")
        time.sleep(seconds)
        wait_until(lambda: settled(folder), 20.0)
        (folder / "stop").touch()
        assert workers.wait(timeout=60) == 0
    lines = errors.read_text().splitlines()
    told = [line for line in lines if line.startswith(("crash point", "killed"))]
    assert [line for line in lines if line not in told] == []
    return audit(folder, Counter(line.split()[-1] for line in told))


def settled(folder: Path) -> bool:
    """Tell whether every order has an effect."""
    orders = {row for name in "ab" for row in rows(folder / f"{name}.db", ORDERS)}
    return orders <= set(rows(folder / "payments.db", EFFECTS))


def wait_until(is_true: Callable[[], bool], seconds: float) -> None:
    """Wait for other processes, for a limited time."""
    ends = time.monotonic() + seconds
    while not is_true() and time.monotonic() < ends:
        time.sleep(0.2)


ORDERS = "select key, n from orders"
EFFECTS = "select key, n from ledger order by i"


def audit(folder: Path, deaths: Counter[str]) -> Ledger:
    """Compare what was ordered with what was done."""
    orders = {row for name in "ab" for row in rows(folder / f"{name}.db", ORDERS)}
    effects = rows(folder / "payments.db", EFFECTS)
    last: dict[str, int] = {}
    disordered = 0
    for key, n in effects:
        disordered += n < last.get(key, 0)
        last[key] = max(n, last.get(key, 0))
    return Ledger(
        orders=len(orders),
        lost=len(orders - set(effects)),
        doubled=len(effects) - len(set(effects)),
        disordered=disordered,
        deaths=deaths,
    )


@pytest.mark.parametrize(
    "trouble",
    [{"FLEET_CRASH_POINTS": EVERYWHERE}, {"SURVIVAL_KILL": "1.2"}],
    ids=["crash points", "kill -9"],
)
def test_no_event_is_lost_doubled_or_overtaken(
    trouble: dict[str, str], tmp_path: Path
) -> None:
    """Whoever dies wherever: each order has one effect, in the order of its key."""
    found = survive(tmp_path, seconds=5, environment=trouble)

    sys.stdout.write(f"{found}\n")
    assert (found.lost, found.doubled, found.disordered) == (0, 0, 0)
    assert found.orders > 100
    assert found.deaths.total() >= 3


def test_this_test_sees_a_consumer_without_an_inbox(tmp_path: Path) -> None:
    """The mutant doubles effects: the test above is able to fail."""
    found = survive(
        tmp_path,
        seconds=3,
        environment={
            "FLEET_CRASH_POINTS": "consumer.after_commit:0.05",
            "SURVIVAL_MUTANT": "no_inbox",
        },
    )

    sys.stdout.write(f"{found}\n")
    assert found.doubled > 0
