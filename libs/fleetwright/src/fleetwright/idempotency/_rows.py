"""What is kept of a key: a row that is claimed and answered with the effect."""

import json
from collections.abc import Mapping
from typing import Final, Protocol

from sqlalchemy import (
    Column,
    ColumnElement,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    SmallInteger,
    String,
    Table,
    Text,
    and_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from fleetwright._clock import clock
from fleetwright._problem import Answered, Problem
from fleetwright.errors import FleetwrightError

STARTED: Final = 0
DONE: Final = 1
# A key that was claimed and committed without an answer belongs to work that goes on
# outside of a transaction; after this long whoever did it is taken for dead.
ABANDONED_SECONDS: Final = 60.0
_WAIT_MILLISECONDS = 5_000
_LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's word for a wait that took too long

kept_answers = Table(
    "fleet_kept_answers",
    MetaData(),
    Column("route", String(255), primary_key=True),
    Column("principal", String(255), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("status", Integer),
    Column("headers", Text),
    Column("body", LargeBinary),
    Column("claimed_at", Double, nullable=False),
    Index("fleet_kept_answers_age", "claimed_at"),
)
_row = kept_answers.c


class Asked(Protocol):
    """Anything that names a request and tells it from others."""

    @property
    def route(self) -> str:
        """Method and path template."""
        ...

    @property
    def principal(self) -> str:
        """Who asks; empty for nobody known."""
        ...

    @property
    def value(self) -> str:
        """What the caller named the request."""
        ...

    @property
    def fingerprint(self) -> str:
        """What tells the request from others; 64 hexadecimal digits."""
        ...


def replay(session: Session, asked: Asked) -> None:
    """Answer a repetition; do nothing for a new key.

    Args:
        session: Where to read.
        asked: The request.

    Raises:
        Answered: It was answered before.
        Problem: 422 or 409.
    """
    found = session.execute(select(kept_answers).where(_this(asked))).one_or_none()
    if found is not None and not _is_abandoned(found):
        _answer(found, asked)


def claim(session: Session, asked: Asked) -> None:
    """Write the row of a new key; answer a repetition.

    Args:
        session: The transaction of the effect.
        asked: The request.

    Raises:
        Answered: It was answered before.
        Problem: 422 or 409.
    """
    if _inserted(session, asked):
        return
    found = session.execute(select(kept_answers).where(_this(asked))).one_or_none()
    if found is not None and not _is_abandoned(found):
        _answer(found, asked)
    # Compare and set: of several that find it abandoned, one takes it over.
    since = found.claimed_at if found is not None else None
    taken = session.execute(
        update(kept_answers)
        .where(_this(asked), _row.state == STARTED, _row.claimed_at == since)
        .values(claimed_at=clock().now(), fingerprint=asked.fingerprint)
        .returning(_row.key)
    )
    if taken.one_or_none() is None:
        raise _in_progress()


def keep(
    session: Session, asked: Asked, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """Write the answer into the row that was claimed.

    Args:
        session: The transaction of the effect.
        asked: The request.
        status: HTTP status of the answer to repetitions.
        headers: Headers of the answer.
        body: The answer, JSON.

    Raises:
        FleetwrightError: The key was not claimed, or somebody took it over meanwhile.
    """
    kept = session.execute(
        update(kept_answers)
        .where(_this(asked), _row.fingerprint == asked.fingerprint)
        .where(_row.state == STARTED)
        .values(state=DONE, status=status, headers=json.dumps(dict(headers)), body=body)
        .returning(_row.key)
    )
    if kept.one_or_none() is None:
        raise FleetwrightError(
            "an answer is kept for a key that was not claimed",
            where=asked.route,
            hint="call claim(transaction) before keep(transaction, answer)",
        )


def _this(asked: Asked) -> ColumnElement[bool]:
    return and_(
        _row.route == asked.route,
        _row.principal == asked.principal,
        _row.key == asked.value,
    )


def _inserted(session: Session, asked: Asked) -> bool:
    """Write a new row and return True; False where there is one.

    PostgreSQL waits here for a transaction that has claimed the same key. SQLite has
    one writer at a time: the twin waited before its transaction began.
    """
    values = {
        "route": asked.route,
        "principal": asked.principal,
        "key": asked.value,
        "fingerprint": asked.fingerprint,
        "state": STARTED,
        "claimed_at": clock().now(),
    }
    if session.get_bind().dialect.name != "postgresql":
        new = sqlite.insert(kept_answers).values(values).on_conflict_do_nothing()
        return session.execute(new.returning(_row.key)).one_or_none() is not None
    wait = text("select set_config('lock_timeout', :milliseconds, true)")
    session.execute(wait, {"milliseconds": str(_WAIT_MILLISECONDS)})
    row = postgresql.insert(kept_answers).values(values).on_conflict_do_nothing()
    try:
        written = session.execute(row.returning(_row.key)).one_or_none()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise _in_progress() from error
        raise
    session.execute(wait, {"milliseconds": "0"})
    return written is not None


def _is_abandoned(found: Row[tuple[object, ...]]) -> bool:
    age_seconds = clock().now() - found.claimed_at
    return bool(found.state == STARTED and age_seconds > ABANDONED_SECONDS)


def _answer(found: Row[tuple[object, ...]], asked: Asked) -> None:
    """Raise what a key that is in use means for this request."""
    # Empty for what was answered before fingerprints were taken this way.
    if found.fingerprint and found.fingerprint != asked.fingerprint:
        raise Problem(
            422,
            "Idempotency-Key was used for another request",
            detail="A new request needs a new key; a repetition the same content.",
            kind="idempotency_key_reused",
        )
    if found.state == STARTED:
        raise _in_progress()
    headers = json.loads(found.headers) | {"Idempotency-Replayed": "true"}
    raise Answered(found.status, found.body, headers=headers)


def _in_progress() -> Problem:
    return Problem(
        409,
        "The request is being answered",
        detail="It was sent before and is not done yet: ask again, same key.",
        headers={"Retry-After": "1"},
        kind="idempotency_key_in_progress",
    )
