"""publish(transaction, event): one row, same transaction."""

from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

from sqlalchemy import event as hooks
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.pool import Pool

from fleetwright import _crash
from fleetwright._clock import clock
from fleetwright._context import current_call
from fleetwright.errors import FleetwrightError
from fleetwright.events._envelope import Message, encode
from fleetwright.events._event import Event
from fleetwright.events._tables import OutboxRow, headers_text

Told = Callable[[Sequence[Message]], None]

_PUBLISHED = "fleetwright_published"
_listeners: WeakKeyDictionary[Pool, list[Told]] = WeakKeyDictionary()


def publish(transaction: AsyncSession | Session, event: Event) -> None:
    """Tell the fleet what happened, if and when the transaction commits.

    One row in the same commit; the `Outbox` part carries it to the broker: at least
    once, in order per key.

    Args:
        transaction: What `database.transaction()` yielded.
        event: What happened.

    Raises:
        FleetwrightError: No transaction is open, or the event is too large.
    """
    session = (
        transaction.sync_session
        if isinstance(transaction, AsyncSession)
        else transaction
    )
    if not session.in_transaction():
        raise FleetwrightError(
            "an event is published in a transaction, and none is open",
            where=f"publish(transaction, {type(event).__name__})",
            hint="call it in the block of `database.transaction()`, with its session",
        )
    call = current_call()
    message = encode(event, source=call.service if call is not None else "")
    row = OutboxRow(
        id=message.id,
        topic=message.topic,
        key=message.key,
        lane=message.lane,
        headers=headers_text(message.headers),
        body=message.body,
        created_at=clock().now(),
    )
    session.add(row)
    session.info.setdefault(_PUBLISHED, []).append(row)


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


def _before_flush(session: Session, *_: object) -> None:
    """Make producers of a key commit in the order of their rows.

    PostgreSQL gives out identities before the commit; without the lock a later number
    could be committed first.
    """
    if _PUBLISHED not in session.info or session.get_bind().dialect.name == "sqlite":
        return
    keys = {
        f"{row.topic}\0{row.key}"
        for row in session.new
        if isinstance(row, OutboxRow) and row.key is not None
    }
    for key in sorted(keys):  # sorted: two transactions must not wait for each other
        session.connection().execute(
            text("select pg_advisory_xact_lock(hashtextextended(:key, 0))"),
            {"key": key.replace("\0", "/")},
        )


def _before_commit(session: Session) -> None:
    if _PUBLISHED in session.info:
        session.flush()
        _crash.point("producer.before_commit")


def _after_commit(session: Session) -> None:
    if _PUBLISHED not in session.info or session.in_nested_transaction():
        return
    rows: list[OutboxRow] = session.info.pop(_PUBLISHED)
    _crash.point("producer.after_commit")
    # Rows of a savepoint that was undone are not in the session any more.
    messages = [row.message() for row in rows if inspect(row).persistent]
    for told in tuple(_listeners.get(_pool(session), ())):
        told(messages)


def _pool(session: Session) -> Pool:
    bind = session.get_bind()
    return bind.engine.pool


def _after_rollback(session: Session, *_: object) -> None:
    if not session.in_nested_transaction():
        session.info.pop(_PUBLISHED, None)


hooks.listen(Session, "before_flush", _before_flush)
hooks.listen(Session, "before_commit", _before_commit)
hooks.listen(Session, "after_commit", _after_commit)
hooks.listen(Session, "after_rollback", _after_rollback)
