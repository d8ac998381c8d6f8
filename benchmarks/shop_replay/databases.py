"""A service's database, read without the service: a SQLite file or PostgreSQL."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from fleetwright.errors import FleetwrightError

READ_SECONDS = 30.0

# A file, or the URL of a database on a server.
Place = Path | str
Places = Mapping[str, Place]


class RecordsError(FleetwrightError):
    """A database cannot be read, or is not what it should be."""


class Books(Protocol):
    """An open database: one statement in, its rows out."""

    def execute(self, statement: str, /) -> Iterable[Any]:
        """Return the rows of a statement."""
        ...


@contextmanager
def reading(databases: Places, service: str) -> Iterator[Books]:
    """Open the database of a service for reading.

    Args:
        databases: Where each service keeps its data.
        service: Whose is read.

    Raises:
        RecordsError: It is not known, or cannot be read.
    """
    if service not in databases:
        raise RecordsError(
            f"the fleet tells of no database of {service}",
            where=f"known: {', '.join(sorted(databases)) or 'none'}",
            hint="look at `database_url` in `fleet ps --json`",
        )
    with opened(databases[service]) as books:
        yield books


@contextmanager
def opened(place: Place) -> Iterator[Books]:
    """Open a database for reading only, and name it in whatever goes wrong.

    Args:
        place: Where it is.

    Raises:
        RecordsError: It cannot be read.
    """
    try:
        if isinstance(place, Path):
            with closing(
                sqlite3.connect(
                    f"{place.absolute().as_uri()}?mode=ro",
                    uri=True,
                    timeout=READ_SECONDS,
                )
            ) as connection:
                yield connection
        else:
            with _session(place) as books:
                yield books
    except (sqlite3.Error, psycopg.Error) as error:
        raise RecordsError(
            f"cannot be read: {' '.join(str(error).split())}",
            where=str(place) if isinstance(place, Path) else shown(place),
            hint="start the fleet with `fleet up --detach`; its services make the "
            "database",
        ) from error


class _Session:
    """A PostgreSQL session whose statements are words like SQLite's."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, /) -> Iterable[Any]:
        """Return the rows of a statement."""
        return self._connection.execute(statement.encode()).fetchall()


@contextmanager
def _session(url: str) -> Iterator[Books]:
    with psycopg.connect(url, connect_timeout=int(READ_SECONDS)) as connection:
        connection.read_only = True
        yield _Session(connection)


def drop(url: str, names: Iterable[str]) -> None:
    """Drop databases of a server, those that are there.

    Args:
        url: Any other database of it.
        names: What is dropped, whoever uses it.

    Raises:
        RecordsError: The server cannot be asked, or refuses.
    """
    plain = urlsplit(url)._replace(scheme="postgresql").geturl()
    try:
        with psycopg.connect(plain, autocommit=True) as server:
            for name in names:
                quoted = sql.Identifier(name)
                server.execute(
                    sql.SQL("drop database if exists {} with (force)").format(quoted)
                )
    except psycopg.Error as error:
        raise RecordsError(
            f"the databases of before cannot be dropped: {error}",
            where=shown(url),
            hint="name a user in POSTGRES_URL who owns them",
        ) from error


def has_table(books: Books, table: str) -> bool:
    """Whether a database has a table.

    Args:
        books: The open database.
        table: Its name.
    """
    known = f"select 1 where to_regclass('{table}') is not null"
    if isinstance(books, sqlite3.Connection):
        known = f"select 1 from sqlite_master where type = 'table' and name = '{table}'"
    return bool(list(books.execute(known)))


def count(books: Books, what: str) -> int:
    """Return how many rows there are.

    Args:
        books: The open database.
        what: What follows `from`.
    """
    [(rows,)] = books.execute(f"select count(*) from {what}")
    return int(rows)


def shown(url: str) -> str:
    """Return where a database is, without a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
