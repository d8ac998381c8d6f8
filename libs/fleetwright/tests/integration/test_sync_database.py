"""A database for sync code: one writer, the deadline heeded, nothing spent twice."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from fleetwright._deadline import Deadline, end_deadline
from fleetwright.database import Database
from fleetwright.errors import DeadlineExceeded, FleetwrightError

VOUCHERS = 40
SPENDERS = 2
# One of two processes that spend the same vouchers, each as fast as it can.
SPEND = """
import sys
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from fleetwright.database import Database

class Tables(DeclarativeBase):
    pass

class Voucher(Tables):
    __tablename__ = "vouchers"
    code: Mapped[int] = mapped_column(primary_key=True)
    spent_by: Mapped[str | None] = mapped_column(String(9))

url, me, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
database = Database(url)
print("ready", flush=True)
sys.stdin.readline()
for code in range(count):
    with database.transaction() as transaction:
        voucher = transaction.get(Voucher, code, with_for_update=True)
        if voucher.spent_by is None:
            voucher.spent_by = me
            print(code, flush=True)
"""
HOLD = """
import sys
from sqlalchemy import text
from fleetwright.database import Database
with Database(sys.argv[1]).transaction() as transaction:
    transaction.execute(text("update things set n = n + 1"))
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where a database may be kept, of either kind, as it is written for us."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/things.db"
    address: str = request.getfixturevalue("postgres_url")
    return address


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """Give a database with one thing in it."""
    database = Database(url)
    with database.transaction() as transaction:
        transaction.execute(text("drop table if exists things"))
        transaction.execute(text("create table things(n integer)"))
        transaction.execute(text("insert into things values (0)"))
    yield database
    asyncio.run(database.close())


def count(database: Database) -> int:
    """Return how often the thing was counted."""
    with database.reading() as session:
        return int(session.scalar(text("select n from things")) or 0)


def add(database: Database) -> None:
    """Count the thing."""
    with database.transaction() as transaction:
        transaction.execute(text("update things set n = n + 1"))


def test_transaction_is_kept_at_its_end_and_undone_by_an_error(
    database: Database,
) -> None:
    """What is written is there afterwards, or was never there."""
    add(database)
    with pytest.raises(ZeroDivisionError), database.transaction() as transaction:
        transaction.execute(text("update things set n = 9"))
        _ = 1 / 0

    assert count(database) == 1


def test_threads_take_turns(database: Database) -> None:
    """No increment is lost, whoever comes first."""

    def read_and_write(_: int) -> None:
        with database.transaction() as transaction:
            lock = "" if database.dialect == "sqlite" else " for update"
            n = transaction.scalar(text(f"select n from things{lock}")) or 0
            transaction.execute(text("update things set n = :n"), {"n": n + 1})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read_and_write, range(40)))

    assert count(database) == 40


def test_two_processes_spend_each_voucher_once(url: str) -> None:
    """The second writer waits for the first; on SQLite without any row lock."""
    database = Database(url)
    with database.transaction() as transaction:
        transaction.execute(text("drop table if exists vouchers"))
        make = "create table vouchers(code integer primary key, spent_by varchar(9))"
        transaction.execute(text(make))
        for code in range(VOUCHERS):
            insert = text("insert into vouchers values (:code, null)")
            transaction.execute(insert, {"code": code})
    spenders = [
        subprocess.Popen(
            [sys.executable, "-c", SPEND, url, f"p{number}", str(VOUCHERS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(SPENDERS)
    ]
    for spender in spenders:
        assert spender.stdout is not None
        assert spender.stdout.readline() == "ready\n"
    for spender in spenders:
        assert spender.stdin is not None
        spender.stdin.write("go\n")
        spender.stdin.flush()
    told = [spender.communicate(timeout=60) for spender in spenders]
    asyncio.run(database.close())

    assert [spender.returncode for spender in spenders] == [0] * SPENDERS, told
    spent = [int(code) for output, _ in told for code in output.split()]
    assert sorted(spent) == list(range(VOUCHERS))


def test_commit_after_the_deadline_is_refused(database: Database) -> None:
    """Who was told 504 finds nothing done."""
    with (
        pytest.raises(DeadlineExceeded, match="before the commit"),
        Deadline.after(9),
        database.transaction() as transaction,
    ):
        transaction.execute(text("update things set n = n + 1"))
        end_deadline()

    assert count(database) == 0


SLOW = {
    "sqlite": "with recursive c(x) as (select 1 union all select x + 1 from c)"
    " select count(*) from c",
    "postgresql": "select pg_sleep(30)",
}


def test_statement_is_cut_at_the_deadline(database: Database) -> None:
    """A query that would run for ever ends; the connection is good for another."""
    began = time.monotonic()
    with (
        pytest.raises(DeadlineExceeded, match="not done in time"),
        Deadline.after(0.3),
        database.reading() as session,
    ):
        session.execute(text(SLOW[database.dialect]))

    assert time.monotonic() - began < 5
    assert count(database) == 0


def test_wait_for_a_turn_ends_at_the_deadline(tmp_path: Path) -> None:
    """A writer that is late anyway does not wait for one that holds the turn."""
    database = Database(f"sqlite:///{tmp_path}/a.db")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with database.transaction():
            held.set()
            done.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(60)
    try:
        with (
            pytest.raises(DeadlineExceeded, match="turn"),
            Deadline.after(0.1),
            database.transaction(),
        ):
            pytest.fail("there were two writers")
    finally:
        done.set()
        holder.join()
        asyncio.run(database.close())


def test_wait_for_another_process_ends_at_the_deadline(database: Database) -> None:
    """Also the wait for a lock that another process holds is no longer than that."""
    url = database.engine.url.render_as_string(hide_password=False)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, url.replace("+psycopg", "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    began = time.monotonic()
    try:
        with pytest.raises(DeadlineExceeded), Deadline.after(0.3):
            add(database)
        took = time.monotonic() - began
    finally:
        holder.communicate("\n", timeout=60)

    assert 0.2 < took < 5
    add(database)
    assert count(database) == 2


def test_failure_within_the_deadline_stays_what_it_is(database: Database) -> None:
    """Only what the deadline cut is called late."""
    with (
        Deadline.after(9),
        pytest.raises(Exception, match="nothing_of_the_kind") as caught,
        database.reading() as session,
    ):
        session.execute(text("select * from nothing_of_the_kind"))

    assert not isinstance(caught.value, DeadlineExceeded)


def test_second_transaction_of_a_thread_is_an_error(tmp_path: Path) -> None:
    """It would wait for itself."""
    database = Database(f"sqlite:///{tmp_path}/a.db")
    with (
        database.transaction(),
        pytest.raises(FleetwrightError, match="open already in this thread"),
        database.transaction(),
    ):
        pytest.fail("there were two")
    asyncio.run(database.close())


def test_reading_writes_nothing(tmp_path: Path) -> None:
    """What a reader does is undone at the end of its block."""
    database = Database(f"sqlite:///{tmp_path}/a.db")
    with database.transaction() as transaction:
        transaction.execute(text("create table things(n integer)"))
    with database.reading() as session:
        session.execute(text("insert into things values (1)"))
    with database.reading() as session:
        found = session.scalar(text("select count(*) from things"))
    asyncio.run(database.close())

    assert found == 0


def test_database_without_a_name_is_gone_when_it_is_closed() -> None:
    """It is a file of its own until then: threads may share it."""
    database = Database("sqlite://")
    path = Path(str(database.engine.url.database))
    with database.transaction() as transaction:
        transaction.execute(text("create table things(n integer)"))
    assert path.exists()

    asyncio.run(database.close())

    assert not path.parent.exists()


@pytest.mark.parametrize(
    "url", ["mysql://a/b", "not a url", "sqlite+pysqlcipher:///x.db"]
)
def test_other_databases_are_refused(url: str) -> None:
    """The error says which there are."""
    with pytest.raises(FleetwrightError, match="not the URL") as caught:
        Database(url)

    assert "postgresql://" in str(caught.value.hint)


def test_async_url_means_the_same_file(tmp_path: Path) -> None:
    """A fleet names the databases of all its services in one way."""
    sync = Database(f"sqlite+aiosqlite:///{tmp_path}/a.db")

    assert sync.engine.url.database == f"{tmp_path}/a.db"
    assert Database(f"sqlite:///{tmp_path}/a.db").on_loop.url == (
        f"sqlite+aiosqlite:///{tmp_path}/a.db"
    )


async def test_folder_that_is_missing_is_told_at_the_start(tmp_path: Path) -> None:
    """With the command that makes it."""
    database = Database(f"sqlite:///{tmp_path}/missing/a.db")

    with pytest.raises(FleetwrightError, match="does not exist"):
        await database.open()
