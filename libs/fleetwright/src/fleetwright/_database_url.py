"""The URL of a database a service can keep, and the driver we use for it."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from fleetwright._secrets import mask
from fleetwright.errors import FleetwrightError

ASYNC: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
SYNC: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


def parsed(url: str, drivers: Mapping[str, str]) -> URL:
    """Return the URL of a database, with the driver we use for it.

    A sync database is meant by either spelling: a fleet names databases in one way.

    Args:
        url: As the service was given it.
        drivers: `ASYNC` or `SYNC`.

    Returns:
        The URL.

    Raises:
        FleetwrightError: It names no database a service can keep.
    """
    try:
        found = make_url(url)
    except ArgumentError:
        found = None
    known = {*ASYNC.values()} if drivers is ASYNC else {*SYNC, *ASYNC.values()}
    if found is None or found.drivername not in known:
        name, words = "Database", "sqlite:///name.db or postgresql://..."
        if drivers is ASYNC:
            name = "AsyncDatabase"
            words = "sqlite+aiosqlite:///name.db or postgresql+asyncpg://..."
        raise FleetwrightError(
            "not the URL of a database a service can keep",
            where=shown(found) if found else f"{name}(url)",
            hint=f"use {words}",
        )
    return found.set(drivername=drivers[found.get_backend_name()])


def shown(url: URL) -> str:
    """Return a URL as it may be read by anyone.

    Args:
        url: It may hold a password, and one of a key in its query.
    """
    return mask(url.render_as_string(hide_password=True))
