"""A flush that is refused undoes its transaction, and nobody takes it for committed."""

from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from fleetwright.database import AsyncDatabase, Database
from fleetwright.errors import FleetwrightError


class Rows(DeclarativeBase):
    """One table."""


class Thing(Rows):
    """A thing with a name that no other has."""

    __tablename__ = "refused_things"
    name: Mapped[str] = mapped_column(primary_key=True)


COUNT = select(func.count()).select_from(Thing)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where a database may be kept, of either kind, as it is written for us."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/things.db"
    address: str = request.getfixturevalue("postgres_url")
    return address


def _make(session: Session) -> None:
    Rows.metadata.drop_all(session.connection())
    Rows.metadata.create_all(session.connection())
    session.add(Thing(name="first"))


async def test_error_swallowed_in_an_async_transaction_is_raised_at_its_end(
    url: str,
) -> None:
    """What was done before the flush is gone, so the block must not end well."""
    database = AsyncDatabase(url)
    async with database.transaction() as transaction:
        await transaction.run_sync(_make)

    with pytest.raises(FleetwrightError, match="undone by a flush"):
        async with database.transaction() as transaction:
            transaction.add(Thing(name="second"))
            await transaction.flush()
            transaction.expunge_all()
            transaction.add(Thing(name="first"))
            with suppress(IntegrityError):
                await transaction.flush()

    async with database.reading() as session:
        assert await session.scalar(COUNT) == 1
    await database.close()


def test_error_swallowed_in_a_transaction_is_raised_at_its_end(url: str) -> None:
    """The same for sync code."""
    database = Database(url.replace("+aiosqlite", ""))
    with database.transaction() as transaction:
        _make(transaction)

    with (
        pytest.raises(FleetwrightError, match="undone by a flush"),
        database.transaction() as transaction,
    ):
        transaction.add(Thing(name="second"))
        transaction.flush()
        transaction.expunge_all()
        transaction.add(Thing(name="first"))
        with suppress(IntegrityError):
            transaction.flush()

    with database.reading() as session:
        assert session.scalar(COUNT) == 1
