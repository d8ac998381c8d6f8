"""A service's own database."""

import asyncio
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from fleetwright.database import AsyncDatabase
from fleetwright.errors import FleetwrightError

REVISION = '''"""Tables of the shop."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table("things", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("insert into things values (1)")
'''
BROKEN = """revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    from alembic import op
    op.execute("insert into things values (2)")
    raise RuntimeError("half way")
"""
MIGRATE = """
import asyncio, sys
from fleetwright.database import AsyncDatabase
database = AsyncDatabase(sys.argv[1], migrations=sys.argv[2])
asyncio.run(database.migrate())
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a migrations package with one revision, 100 % odd path."""
    root = tmp_path / "100 % odd: path"
    versions = root / "shelf_migrations" / "versions"
    versions.mkdir(parents=True)
    (root / "shelf_migrations" / "__init__.py").touch()
    (versions / "0001_things.py").write_text(REVISION)
    monkeypatch.syspath_prepend(str(root))
    return "shelf_migrations"


async def count(database: AsyncDatabase) -> int:
    """Return how many things are kept."""
    async with database.reading() as session:
        return int(await session.scalar(text("select count(*) from things")) or 0)


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///{}/a.db"])
async def test_migrations_run_in_memory_and_in_files(
    url: str, package: str, tmp_path: Path
) -> None:
    """The schema is there afterwards, and a second run finds nothing to do."""
    database = AsyncDatabase(url.format(tmp_path), migrations=package)
    await database.migrate()
    await database.migrate()

    assert await count(database) == 1
    await database.close()


async def test_a_failed_migration_leaves_nothing(package: str, tmp_path: Path) -> None:
    """A revision that raises half way takes the whole upgrade with it."""
    versions = tmp_path / "100 % odd: path" / package / "versions"
    (versions / "0002_broken.py").write_text(BROKEN)
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/a.db", migrations=package)

    with pytest.raises(RuntimeError, match="half way"):
        await database.migrate()

    async with database.reading() as session:
        tables = await session.scalar(text("select count(*) from sqlite_schema"))
    await database.close()
    assert tables == 0


async def test_two_processes_migrate_one_after_the_other(
    package: str, tmp_path: Path
) -> None:
    """Replicas that start together do not run one revision twice."""
    url = f"sqlite+aiosqlite:///{tmp_path}/a.db"
    root = tmp_path / "100 % odd: path"
    command = (sys.executable, "-c", MIGRATE, url, package)
    running = [
        await asyncio.create_subprocess_exec(*command, cwd=root) for _ in range(2)
    ]
    codes = [await process.wait() for process in running]

    database = AsyncDatabase(url)
    assert codes == [0, 0]
    assert await count(database) == 1
    await database.close()


async def test_an_unknown_revision_is_told(package: str) -> None:
    """The error names the folder of the revisions."""
    database = AsyncDatabase("sqlite+aiosqlite://", migrations=package)

    with pytest.raises(FleetwrightError, match="cannot migrate to 0999"):
        await database.migrate("0999")
    await database.close()


async def test_a_missing_migrations_package_is_told() -> None:
    """The error says which folder to make."""
    database = AsyncDatabase("sqlite+aiosqlite://", migrations="nowhere.migrations")

    with pytest.raises(FleetwrightError, match="nowhere/migrations/versions"):
        await database.migrate()
    await database.close()


async def test_a_missing_folder_stops_the_start_with_a_mend(tmp_path: Path) -> None:
    """A wrong path is one error of three parts, not a driver's stack."""
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/no/a.db")

    with pytest.raises(FleetwrightError, match="hint: make it with"):
        await database.open()
    await database.close()


@pytest.mark.parametrize("url", ["nonsense", "mysql://a:secret@b/c", "sqlite:///a.db"])
def test_other_urls_are_refused(url: str) -> None:
    """Only async SQLite and PostgreSQL; a password is not repeated."""
    with pytest.raises(FleetwrightError, match="hint: use sqlite") as caught:
        AsyncDatabase(url)

    assert "secret" not in str(caught.value)


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """A corrupt file is told at start."""
    (tmp_path / "a.db").write_text("not a database, but long enough to look" * 99)
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/a.db")

    with pytest.raises(FleetwrightError, match="does not answer"):
        await database.open()
    await database.close()


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///{}/a.db"])
async def test_writers_of_one_process_queue(
    url: str, package: str, tmp_path: Path
) -> None:
    """Read, change, write by many tasks loses no change."""
    database = AsyncDatabase(url.format(tmp_path), migrations=package)
    await database.migrate()

    async def add() -> None:
        async with database.transaction() as transaction:
            highest = await transaction.scalar(text("select max(id) from things"))
            row = {"id": (highest or 0) + 1}
            await transaction.execute(text("insert into things values (:id)"), row)

    await asyncio.gather(*(add() for _ in range(20)))

    assert await count(database) == 21
    await database.close()


async def test_a_transaction_that_raises_leaves_nothing(package: str) -> None:
    """What was written in the block is undone."""
    database = AsyncDatabase("sqlite+aiosqlite://", migrations=package)
    await database.migrate()

    with pytest.raises(KeyError):
        async with database.transaction() as transaction:
            await transaction.execute(text("insert into things values (7)"))
            raise KeyError

    assert await count(database) == 1
    await database.close()


async def test_a_transaction_within_a_transaction_is_told_not_waited_for() -> None:
    """The second would wait for the first for ever; the error says so at once."""
    database = AsyncDatabase("sqlite+aiosqlite://")

    async with database.transaction():
        with pytest.raises(FleetwrightError, match="open already in this task"):
            async with database.transaction():
                pass
    await database.close()


async def test_a_task_cancelled_in_a_transaction_frees_the_turn(tmp_path: Path) -> None:
    """Cancelling one writer neither keeps its change nor locks out the next."""
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/a.db")
    inside = asyncio.Event()

    async def hold() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(text("create table things (id integer)"))
            inside.set()
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    await inside.wait()
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)

    async with database.transaction() as transaction:
        await transaction.execute(text("create table things (id integer)"))
    assert await count(database) == 0
    await database.close()
