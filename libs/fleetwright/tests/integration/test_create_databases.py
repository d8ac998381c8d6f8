"""`python -m fleetwright._create`: databases that are not there are made."""

import subprocess
import sys
from urllib.parse import urlsplit

import psycopg

from fleetwright._create import create


def names(url: str) -> set[str]:
    """Return the databases of a server."""
    with psycopg.connect(url.replace("+asyncpg", "")) as connection:
        return {row[0] for row in connection.execute("select datname from pg_database")}


def drop(url: str, *databases: str) -> None:
    """Drop databases."""
    with psycopg.connect(url.replace("+asyncpg", ""), autocommit=True) as connection:
        for database in databases:
            connection.execute(f'drop database "{database}"'.encode())


async def test_what_is_there_already_stays_as_it_is(postgres_url: str) -> None:
    """The second time there is nothing left to make; odd names are quoted."""
    own = urlsplit(postgres_url).path[1:]
    wanted = [f"{own}_orders", f'{own}_"odd"']

    assert await create(postgres_url, wanted) == wanted
    assert await create(postgres_url, wanted) == []
    assert set(wanted) <= names(postgres_url)

    drop(postgres_url, wanted[0])
    with psycopg.connect(postgres_url.replace("+asyncpg", ""), autocommit=True) as it:
        it.execute(f'drop database "{own}_""odd"""'.encode())


def test_whom_the_server_refuses_is_told_why(postgres_url: str) -> None:
    """One line on stderr, exit code 1, nothing of the driver's traceback."""
    nobody = urlsplit(postgres_url)
    place = nobody.netloc.rpartition("@")[2]
    url = nobody._replace(netloc=f"nobody@{place}").geturl()

    done = subprocess.run(
        [sys.executable, "-m", "fleetwright._create", url, "x"],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert done.stderr == 'role "nobody" does not exist\n'
