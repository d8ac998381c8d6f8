"""publish(transaction, event): one row, same transaction."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Text, bindparam, func, insert, select
from sqlalchemy import event as hooks
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.pool import Pool

from fleetwright import _crash
from fleetwright._clock import clock
from fleetwright._context import current_call
from fleetwright.errors import FleetwrightError
from fleetwright.events._backlog import full, require_room
from fleetwright.events._envelope import Message, encode
from fleetwright.events._event import Event
from fleetwright.events._tables import headers_text, outbox

Told = Callable[[Sequence[Message]], None]

_PUBLISHED = "fleetwright_published"
_HELD = "fleetwright_held"
_listeners: WeakKeyDictionary[Pool, list[Told]] = WeakKeyDictionary()
_insert = insert(outbox)
_COLUMNS = ("id", "topic", "key", "lane", "headers", "body", "created_at")


def _turn(name: ColumnElement[str]) -> ColumnElement[None]:
    """Return the wait for everybody else who has published for a key."""
    return func.pg_advisory_xact_lock(func.hashtextextended(name, 0))


# On PostgreSQL identities are given out before the commit: producers of a key take
# turns, or a later number could be committed first. The row is made of the turn, so
# that its number is drawn when it has come, without a way to the server of its own.
_insert_in_turn = insert(outbox).from_select(
    _COLUMNS,
    select(
        *(bindparam(name, type_=outbox.c[name].type) for name in _COLUMNS)
    ).select_from(select(_turn(bindparam("turn", type_=Text))).subquery()),
)
_take_turns = select(
    _turn(func.unnest(bindparam("turns", type_=ARRAY(Text))).column_valued())
)


@dataclass(slots=True)
class _Published:
    """One event that waits for the commit of its transaction.

    Attributes:
        message: The event on the wire.
        at: When it was published, in seconds since 1970.
        within: The savepoints it was published in, innermost first, and last the
            transaction. It is undone with any of them.
        written: The same of where its row was written; empty while it was not. The
            row, not the event, is undone with any of them.
    """

    message: Message
    at: float
    within: tuple[SessionTransaction, ...]
    written: tuple[SessionTransaction, ...] = ()

    def row(self) -> dict[str, object]:
        """Return the event as it is kept."""
        message = self.message
        return {
            "id": message.id,
            "topic": message.topic,
            "key": message.key,
            "lane": message.lane,
            "headers": headers_text(message.headers),
            "body": message.body,
            "created_at": self.at,
        }


def publish(transaction: AsyncSession | Session, event: Event) -> None:
    """Tell the fleet what happened, if and when the transaction commits.

    One row in the same commit; the `Outbox` part carries it to the broker: at least
    once, in order per key. The rows are written right before the commit, all at once;
    what was published within a savepoint that is undone is not among them.

    Args:
        transaction: What `database.transaction()` yielded.
        event: What happened.

    Raises:
        FleetwrightError: No transaction is open, or the event is too large.
        Unavailable: As many events wait for the broker as may.
    """
    session = (
        transaction.sync_session
        if isinstance(transaction, AsyncSession)
        else transaction
    )
    within = _depths(session)
    if not within:
        raise FleetwrightError(
            "an event is published in a transaction, and none is open",
            where=f"publish(transaction, {type(event).__name__})",
            hint="call it in the block of `database.transaction()`, with its session",
        )
    if full:
        require_room(_pool(session))
    call = current_call()
    message = encode(event, source=call.service if call is not None else "")
    published = _Published(message, clock().now(), within)
    session.info.setdefault(_PUBLISHED, []).append(published)


def on_commit(pool: Pool, told: Told) -> Callable[[], None]:
    """Have `told` called with what was published, right after each commit.

    Args:
        pool: Of the engine the transactions are on: `database.engine.pool`.
        told: Called in the thread that committed; must neither wait nor raise.

    Returns:
        Forgets it again.
    """
    told_for = _listeners.setdefault(pool, [])
    told_for.append(told)
    return lambda: told_for.remove(told) if told in told_for else None


@contextmanager
def held(session: Session, refuse: Callable[[], NoReturn]) -> Iterator[None]:
    """Let nobody commit in the block, and write what is published only after it.

    Within the block savepoints that SQLAlchemy does not know of may be undone, and a
    row that was written in one would be gone with it.

    Args:
        session: Whose transaction it is.
        refuse: Called when somebody commits the whole of it; raises.
    """
    session.info[_HELD] = refuse
    try:
        yield
    finally:
        del session.info[_HELD]


def count_published(session: Session) -> int:
    """Return how many events wait for the commit of a session.

    Args:
        session: Whose.
    """
    return len(session.info.get(_PUBLISHED, ()))


def take_back(session: Session, count: int) -> None:
    """Forget what was published after the first `count` events.

    Args:
        session: Whose.
        count: As `count_published` told it.
    """
    del session.info.get(_PUBLISHED, [])[count:]


def _depths(session: Session) -> tuple[SessionTransaction, ...]:
    """Return the open savepoints, innermost first, and last the transaction."""
    depth = session.get_nested_transaction() or session.get_transaction()
    found: tuple[SessionTransaction, ...] = ()
    while depth is not None:
        found = (*found, depth)
        depth = depth.parent
    return found


def _before_commit(session: Session) -> None:
    """Write what was published, in the order it was.

    Also before the release of a savepoint: a transaction that is committed within one
    tells only this once.
    """
    refuse = session.info.get(_HELD)
    if refuse is not None and not session.in_nested_transaction():
        refuse()
    if _PUBLISHED not in session.info:
        return
    depths = _depths(session)
    # Of an earlier transaction that was merely closed there may be others.
    published = [
        one for one in session.info[_PUBLISHED] if one.within[-1] is depths[-1]
    ]
    session.info[_PUBLISHED] = published
    if refuse is not None or not published:
        return
    session.flush()  # the changes they tell of come first
    fresh = [one for one in published if not one.written]
    if fresh:
        _write(session.connection(), fresh)
        for one in fresh:
            one.written = depths
    _crash.point("producer.before_commit")


def _write(connection: Connection, published: Sequence[_Published]) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(_insert, [one.row() for one in published])
        return
    turns = {turn for one in published if (turn := _turn_of(one.message)) is not None}
    if len(turns) > 1:  # sorted: two transactions must not wait for each other
        connection.execute(_take_turns, {"turns": sorted(turns)})
    rows = [one.row() | {"turn": _turn_of(one.message)} for one in published]
    connection.execute(_insert_in_turn, rows)


def _turn_of(message: Message) -> str | None:
    return None if message.key is None else f"{message.topic}/{message.key}"


def _after_commit(session: Session) -> None:
    if _PUBLISHED not in session.info or session.in_nested_transaction():
        return
    published: list[_Published] = session.info.pop(_PUBLISHED)
    if not published:
        return
    _crash.point("producer.after_commit")
    messages = [one.message for one in published]
    for told in tuple(_listeners.get(_pool(session), ())):
        told(messages)


def _pool(session: Session) -> Pool:
    bind = session.get_bind()
    return bind.engine.pool


def _after_soft_rollback(session: Session, undone: SessionTransaction) -> None:
    if _PUBLISHED not in session.info:
        return
    left = [one for one in session.info[_PUBLISHED] if undone not in one.within]
    for one in left:
        if undone in one.written:
            one.written = ()
    session.info[_PUBLISHED] = left


hooks.listen(Session, "before_commit", _before_commit)
hooks.listen(Session, "after_commit", _after_commit)
hooks.listen(Session, "after_soft_rollback", _after_soft_rollback)
