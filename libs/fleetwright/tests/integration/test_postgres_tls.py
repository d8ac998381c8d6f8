"""A PostgreSQL that speaks TLS only: the words of libpq, for both drivers."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import own_server
from sqlalchemy import text

from fleetwright.database import AsyncDatabase, Database, Pool
from fleetwright.errors import FleetwrightError

SECURE = text("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
HASTY = Pool(start_seconds=0.1)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Give where it is; its certificate is verified."""
    with own_server("postgres", tls=True) as server:
        yield server.url


async def refused(url: str) -> FleetwrightError:
    """Return why a database cannot be opened."""
    database = AsyncDatabase(url, pool=HASTY)
    try:
        with pytest.raises(FleetwrightError) as raised:
            await database.open()
    finally:
        await database.close()
    return raised.value


async def test_server_is_verified_by_async_code(url: str) -> None:
    """`sslmode` and `sslrootcert` are understood, also where its check is made."""
    database = AsyncDatabase(url)
    await database.open()

    async with database.reading() as session:
        is_secure = await session.scalar(SECURE)
    await database.check()
    await database.close()

    assert is_secure is True


async def test_server_is_verified_by_sync_code(url: str) -> None:
    """The same URL, for the thread and for the loop beside it."""
    database = Database(url)
    await database.open()

    def look() -> bool:
        with database.reading() as session:
            return session.scalar(SECURE) is True

    is_secure = await asyncio.to_thread(look)
    await database.close()

    assert is_secure


async def test_server_nobody_vouches_for_is_not_trusted(
    url: str, tmp_path: Path
) -> None:
    """Another authority than its own has not signed its certificate."""
    place, authority = url.partition("?")[0], tmp_path / "other.pem"
    words = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec"]
    words += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=other"]
    words += ["-keyout", str(tmp_path / "other.key"), "-out", str(authority)]
    made = await asyncio.create_subprocess_exec(*words, stderr=DEVNULL)
    assert await made.wait() == 0

    error = await refused(f"{place}?sslmode=verify-full&sslrootcert={authority}")

    assert "CERTIFICATE_VERIFY_FAILED" in str(error)


async def test_words_in_the_clear_are_refused(url: str) -> None:
    """The server's own words are told."""
    error = await refused(f"{url.partition('?')[0]}?sslmode=disable")

    assert "no encryption" in str(error)


async def test_file_that_is_not_there_is_named_and_no_secret(url: str) -> None:
    """Drivers say no more than that a file is missing; the key's password is masked."""
    place = url.partition("?")[0]

    error = await refused(
        f"{place}?sslmode=require&sslkey=/nowhere/key.pem&sslpassword=canary"
    )

    assert "not there: /nowhere/key.pem" in str(error)
    assert error.hint == "mend sslkey in DATABASE_URL"
    assert "sslpassword=***" in str(error)
    assert "canary" not in str(error)


async def test_databases_of_a_fleet_are_made_over_tls(url: str) -> None:
    """`fleet up` gives the URL it was given to a module of the runtime."""
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fleetwright._create", url, "shop_orders"
    )

    assert await made.wait() == 0
