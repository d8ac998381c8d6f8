"""Which failures of a database pass by themselves: they are told as Unavailable."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from fleetwright._deadline import current_deadline
from fleetwright.errors import DeadlineExceeded, Reason, Unavailable

_SOON_SECONDS: Final = 1.0
_CANCELLED: Final = "57014"
_GONE = "check that the database is up; what was not committed can be tried again"
_FULL = "give the database more room, then try again"
_BUSY = "it can be tried again; keep transactions short"
# PostgreSQL's error codes, the whole code before its class:
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_STATES: Final[dict[str, tuple[Reason, str]]] = {
    "08": ("reset", _GONE),
    "25P03": ("reset", _BUSY),  # it was idle in a transaction for too long
    "40": ("status", _BUSY),  # undone: serialization failure, deadlock
    "53100": ("status", _FULL),
    "53": ("rejected", "let fewer connect, or raise max_connections"),
    "55P03": ("status", _BUSY),  # a lock was not to be had
    _CANCELLED: ("timeout", "make the statement quicker, or give it more time"),
    "57P": ("reset", _GONE),  # it is shutting down, starting or crashed
    "58": ("status", _FULL),  # the operating system failed it
}
# SQLite's result codes: https://www.sqlite.org/rescode.html
_CODES: Final[dict[int, tuple[Reason, str]]] = {
    5: ("rejected", _BUSY),  # another process writes
    6: ("rejected", _BUSY),
    10: ("status", _FULL),  # the disk failed it
    13: ("status", _FULL),
    14: ("connect", "check the file, its folder and the disk"),
}
# The schema was changed meanwhile: asyncpg's words, and those of the server.
_STALE_PLANS: Final = (
    "cached statement plan is invalid",
    "cached plan must not change",
)


def unavailable(error: Exception, where: str) -> Unavailable | None:
    """Return what a failure is called when it passes by itself.

    Args:
        error: What SQLAlchemy or the driver raised.
        where: Where the database is, without its password.

    Returns:
        None for a mistake: that is raised as it is.
    """
    if isinstance(error, PoolTimeoutError):
        kind: tuple[Reason, str] | None = ("rejected", _BUSY)
    elif isinstance(error, DBAPIError):
        kind = _kind(error)
    else:
        kind = ("connect", _GONE) if isinstance(error, OSError) else None
    if kind is None:
        return None
    reason, hint = kind
    return Unavailable(
        f"the database cannot be used now: {cause(error)}",
        reason=reason,
        provider="the database",
        retry_after_seconds=_SOON_SECONDS,
        where=where,
        hint=hint,
    )


def _kind(error: DBAPIError) -> tuple[Reason, str] | None:
    """Return why an error of the driver passes by itself, and what can be done."""
    if any(words in str(error.orig) for words in _STALE_PLANS):
        return "status", _BUSY
    state = str(getattr(error.orig, "sqlstate", None) or "")
    for length in (5, 3, 2):
        if found := _STATES.get(state[:length]):
            return found
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return _CODES.get(int(code) & 0xFF)
    if error.connection_invalidated or _is_unconnected(error):
        return "reset", _GONE
    return None


def _is_unconnected(error: DBAPIError) -> bool:
    """Return whether psycopg could not connect: it has no code for that."""
    return type(error.orig).__module__.startswith("psycopg") and (
        "connection" in str(error.orig) and error.statement is None
    )


def cause(error: Exception) -> str:
    """Return the first line of what the driver said.

    Args:
        error: What SQLAlchemy or the driver raised.
    """
    said = str(error.orig if isinstance(error, DBAPIError) else error)
    return said.splitlines()[0] if said else type(error).__name__


def no_turn(where: str, seconds: float) -> Unavailable:
    """Return what it is called when there was no turn to write a SQLite file.

    Args:
        where: Where the database is.
        seconds: How long it was waited for.
    """
    return Unavailable(
        f"no turn to write within {seconds:g} seconds",
        reason="rejected",
        provider="the database",
        retry_after_seconds=_SOON_SECONDS,
        where=where,
        hint="keep transactions short: no calls to others inside them",
    )


@contextmanager
def in_words(where: str, *, connecting: bool = False) -> Iterator[None]:
    """Tell failures that pass by themselves as `Unavailable`.

    Args:
        where: Where the database is, without its password.
        connecting: Whether the block only connects: an `OSError` is the database's
            then, and not one of whoever uses it.

    Yields:
        Nothing.

    Raises:
        DeadlineExceeded: The database gave up, and the time is over.
        Unavailable: The failure passes by itself.
    """
    caught = (DBAPIError, PoolTimeoutError, *((OSError,) if connecting else ()))
    try:
        yield
    except caught as error:
        deadline = current_deadline()
        if deadline is not None and deadline.expired:
            raise DeadlineExceeded("the database was not done in time") from error
        told = unavailable(error, where)
        if told is None:
            raise
        raise told from error
