"""Replicas that start together: one migrates, the others wait, death leaves no half."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from fleetwright.database import AsyncDatabase, Pool
from fleetwright.events._tables import (
    _LOCK,
    CONSUMER_TABLES,
    PRODUCER_TABLES,
    ensure,
)

REPLICAS = 10
REVISION = """
revision = "0001"
down_revision = None


def upgrade() -> None:
    from alembic import op
    op.execute("create table things(n int)")
    op.execute("insert into things values (1)")
    op.execute("create table halves(n int)")
    print("half", flush=True)
    {pause}
    op.execute("insert into halves values (2)")
"""
MIGRATE = """
import asyncio, sys
from fleetwright.database import AsyncDatabase, Pool
limits = Pool(statement_seconds=2, pause_seconds=2, wait_seconds=2)
database = AsyncDatabase(sys.argv[1], migrations="shelf_migrations", pool=limits)
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(database.migrate())
print("done", flush=True)
"""
# Ten processes of one interpreter: each with a loop and a database of its own.
TOGETHER = """
import asyncio, os, sys
from fleetwright.database import AsyncDatabase, Pool
from fleetwright.events._tables import CONSUMER_TABLES, PRODUCER_TABLES, ensure

async def main(database):
    if sys.argv[2] == "migrate":
        await database.migrate()
    else:
        await ensure(database, (*PRODUCER_TABLES, *CONSUMER_TABLES))

def replica():
    limits = Pool(statement_seconds=2, pause_seconds=2, wait_seconds=2)
    url, package = sys.argv[1], "shelf_migrations"
    os.read(gate[0], 1)
    asyncio.run(main(AsyncDatabase(url, migrations=package, pool=limits)))

gate, children = os.pipe(), []
for _ in range(int(sys.argv[3])):
    child = os.fork()
    if child == 0:
        os.close(gate[1])
        replica()
        sys.stdout.flush()
        os._exit(0)
    children.append(child)
os.close(gate[1])  # all begin at once
print("codes", *(os.waitpid(child, 0)[1] for child in children))
"""
TABLES = ("things", "halves", "alembic_version")


def revision(folder: Path, pause: str) -> None:
    """Write the one revision of the shelf."""
    versions = folder / "shelf_migrations" / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    (folder / "shelf_migrations" / "__init__.py").touch()
    (versions / "0001_things.py").write_text(REVISION.format(pause=pause))


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Give the URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/a.db"
        return
    found = str(request.getfixturevalue("postgres_url"))
    database = AsyncDatabase(found)
    async with database.transaction() as transaction:
        everything = (
            *TABLES,
            *(one.name for one in (*PRODUCER_TABLES, *CONSUMER_TABLES)),
        )
        for table in everything:
            await transaction.execute(text(f"drop table if exists {table}"))
    await database.close()
    yield found


async def started(script: str, url: str, folder: Path) -> Process:
    """Return a replica that waits for a line before it begins."""
    replica = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        script,
        url,
        stdin=PIPE,
        stdout=PIPE,
        env=os.environ | {"PYTHONPATH": str(folder)},
    )
    assert await said(replica) == "ready"
    return replica


async def said(replica: Process) -> str:
    """Return the next line a replica wrote."""
    assert replica.stdout is not None
    return (await replica.stdout.readline()).decode().strip()


def begin(replica: Process) -> None:
    """Let a replica go on."""
    assert replica.stdin is not None
    replica.stdin.write(b"\n")


async def counts(url: str) -> tuple[int, int]:
    """Return how many rows the revision has left in its two tables."""
    database = AsyncDatabase(url)
    async with database.reading() as session:
        things = await session.scalar(text("select count(*) from things"))
        halves = await session.scalar(text("select count(*) from halves"))
    await database.close()
    return int(things or 0), int(halves or 0)


async def together(work: str, url: str, folder: Path) -> str:
    """Return what ten replicas said that did the same at once."""
    replicas = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", TOGETHER, url, work, str(REPLICAS)),
        stdout=PIPE,
        env=os.environ | {"PYTHONPATH": str(folder)},
    )
    async with asyncio.timeout(60):
        out, _ = await replicas.communicate()
    return out.decode()


async def test_ten_replicas_that_start_together_migrate_once(
    url: str, tmp_path: Path
) -> None:
    """One does it; the nine wait longer than any statement may take, and are content.

    The revision lasts three seconds, a statement two: who waits does not time out.
    (Less than two, and a replica that gets no core for a while is cut off as it
    connects.)
    """
    revision(tmp_path, "import time; time.sleep(3)")

    said = await together("migrate", url, tmp_path)

    assert said.split() == ["half", "codes", *["0"] * REPLICAS]
    assert await counts(url) == (1, 1)


async def test_replica_killed_half_way_leaves_nothing_and_holds_nobody_up(
    url: str, tmp_path: Path
) -> None:
    """Its lock dies with it: the one that waits does the whole of it, once."""
    revision(tmp_path, "import time; time.sleep(60)")
    first = await started(MIGRATE, url, tmp_path)
    begin(first)
    assert await said(first) == "half"
    revision(tmp_path, "pass")
    second = await started(MIGRATE, url, tmp_path)
    begin(second)

    first.send_signal(signal.SIGKILL)
    async with asyncio.timeout(60):
        out, _ = await second.communicate()
    await first.wait()

    assert out.decode().split() == ["half", "done"]
    assert await counts(url) == (1, 1)


async def test_replica_killed_within_a_long_statement_holds_nobody_up(
    postgres_url: str, tmp_path: Path
) -> None:
    """PostgreSQL notices it within a second or two, and not when the statement ends."""
    database = AsyncDatabase(postgres_url)
    async with database.transaction() as transaction:
        for table in TABLES:
            await transaction.execute(text(f"drop table if exists {table}"))
    await database.close()
    revision(tmp_path, 'op.execute("select pg_sleep(60)")')
    first = await started(MIGRATE, postgres_url, tmp_path)
    begin(first)
    assert await said(first) == "half"
    revision(tmp_path, "pass")
    second = await started(MIGRATE, postgres_url, tmp_path)
    begin(second)

    first.send_signal(signal.SIGKILL)
    async with asyncio.timeout(60):
        out, _ = await second.communicate()
    await first.wait()

    assert out.decode().split() == ["half", "done"]


async def test_ten_replicas_make_the_tables_of_events_together(
    url: str, tmp_path: Path
) -> None:
    """All start, and nobody's tables are made twice or half."""
    said = await together("ensure", url, tmp_path)

    assert said.split() == ["codes", *["0"] * REPLICAS]
    database = AsyncDatabase(url)
    await ensure(database, PRODUCER_TABLES)
    async with database.reading() as session:
        lanes = await session.scalar(text("select count(*) from fleet_relay_lease"))
    await database.close()
    assert lanes == 16


async def test_whoever_waits_for_the_tables_waits_as_long_as_it_takes(
    postgres_url: str,
) -> None:
    """However short a statement of the service may be: another replica makes them."""
    first = AsyncDatabase(postgres_url)
    second = AsyncDatabase(postgres_url, pool=Pool(statement_seconds=1))
    waits = text(
        "select count(*) from pg_stat_activity where wait_event = 'advisory'"
        " and clock_timestamp() - query_start > interval '1.5 seconds'"
    )
    async with first.transaction() as transaction:
        await transaction.execute(
            text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK}
        )
        making = asyncio.create_task(ensure(second, PRODUCER_TABLES))
        async with asyncio.timeout(60):
            while not making.done() and not await transaction.scalar(waits):
                await transaction.execute(text("select pg_stat_clear_snapshot()"))
    await making
    await second.close()
    await first.close()
