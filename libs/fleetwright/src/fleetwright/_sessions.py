"""A session's one transaction as a block, with few changes of greenlet.

`async with session, session.begin()` goes to SQLAlchemy's greenlet and back six times
and makes a task, which costs more than the statements of a short transaction. This
block goes there once, to commit.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction


@asynccontextmanager
async def begun(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    """Begin; commit when the block ends, undo when it raises; then close.

    The database hears of it with the first statement, or of `run_sync(connected)`.

    Args:
        session: A new one.

    Yields:
        The same.

    Raises:
        SQLAlchemyError: It could not be committed.
    """
    transaction = session.sync_session.begin()
    transaction.__enter__()
    try:
        yield session
        await session.run_sync(_commit, transaction)
    except BaseException as error:
        # Whatever cuts us: the connection must not be lost with the transaction open.
        undoing = asyncio.ensure_future(session.run_sync(_undo, transaction, error))
        await asyncio.shield(undoing)
        raise


def connected(session: Session) -> None:
    """Have the database hear of the transaction now.

    Args:
        session: One that has begun.
    """
    session.connection()


def _commit(session: Session, transaction: SessionTransaction) -> None:
    transaction.__exit__(None, None, None)
    session.close()


def _undo(
    session: Session, transaction: SessionTransaction, error: BaseException
) -> None:
    try:
        transaction.__exit__(type(error), error, error.__traceback__)
    finally:
        session.close()
