"""A service's migrations, run in one transaction that shuts others out."""

import asyncio
import importlib.util
import zlib
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from fleetwright._sqlite_async import BEGIN
from fleetwright.errors import FleetwrightError

_ENVIRONMENT = Path(__file__).parent / "_migrations"
# A name the server does not know is left out: the last is of PostgreSQL 14.
UNHURRIED = """
    select set_config(name, value, true) from pg_settings join (values
      ('statement_timeout', '0'),
      ('idle_in_transaction_session_timeout', '0'),
      ('client_connection_check_interval', '1000')
    ) as wanted(known, value) on name = known
"""
# `alembic.op` is one per process: two upgrades of one loop must not interleave.
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


def versions_folder(package: str) -> Path:
    """Return the folder of a service's revisions.

    Args:
        package: The dotted name of the migrations package: `orders.migrations`.

    Returns:
        Its `versions` folder.

    Raises:
        FleetwrightError: There is no such package or folder.
    """
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        spec = None
    locations = list(spec.submodule_search_locations or ()) if spec else []
    for location in locations:
        if (folder := Path(location) / "versions").is_dir():
            return folder
    raise FleetwrightError(
        f"there are no migrations in {package}",
        where=f'AsyncDatabase(migrations="{package}")',
        hint=f"make the folder {package.replace('.', '/')}/versions with a revision",
    )


async def upgrade(engine: AsyncEngine, package: str, revision: str) -> None:
    """Bring the database of `engine` to `revision`, all or nothing.

    Two processes that upgrade at once do so one after the other; the second finds
    nothing left to do.

    Args:
        engine: The engine of the database.
        package: The dotted name of the migrations package.
        revision: Where to go: a revision id or `head`.

    Raises:
        FleetwrightError: There is no such package or revision.
    """
    folder = versions_folder(package)
    turn = _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
    try:
        async with turn:
            if engine.dialect.name == "sqlite":
                await _upgrade_sqlite(engine, folder, revision)
            else:
                await _upgrade_server(engine, folder, revision)
    except CommandError as error:
        raise FleetwrightError(
            f"cannot migrate to {revision}: {error}",
            where=str(folder),
            hint="check `revision` and `down_revision` of the files there",
        ) from error


async def _upgrade_sqlite(engine: AsyncEngine, folder: Path, revision: str) -> None:
    immediate = engine.execution_options(**{BEGIN: "IMMEDIATE"})
    async with immediate.connect() as connection:
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        # A table is changed by copying and dropping it: rows that refer to it would
        # go with it. The pragma is ignored inside a transaction.
        await driver.execute("pragma foreign_keys=off")
        try:
            async with connection.begin():
                await connection.run_sync(_run, folder, revision)
        finally:
            await driver.execute("pragma foreign_keys=on")


async def _upgrade_server(engine: AsyncEngine, folder: Path, revision: str) -> None:
    async with engine.begin() as connection:
        # The others wait for the first as long as it takes; one that dies meanwhile is
        # noticed within a second, whatever its statement, and lets go of the lock.
        await connection.execute(text(UNHURRIED))
        lock = {"lock": zlib.crc32(b"fleetwright.migrate")}
        await connection.execute(text("select pg_advisory_xact_lock(:lock)"), lock)
        await connection.run_sync(_run, folder, revision)


def _run(connection: Connection, folder: Path, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", _escaped(_ENVIRONMENT))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", _escaped(folder))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
