"""The tables of a producer and of a consumer, kept in the service's own database."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    delete,
    select,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateIndex, CreateTable

from fleetwright._migrate import UNHURRIED
from fleetwright.events._envelope import LANES, Message

if TYPE_CHECKING:
    from fleetwright.database import AsyncDatabase

_metadata = MetaData()
_SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")
_ID, _NAME, _KEY = String(36), String(200), Text()


class _Rows(DeclarativeBase):
    metadata = _metadata


class OutboxRow(_Rows):
    """One event that was published and is not known to be with the broker.

    Attributes:
        seq: The order of publishing; keys are never used again.
        id: The message's id.
        topic: The message's topic.
        key: The message's key.
        lane: The message's lane.
        headers: The message's headers, JSON.
        body: The message's body.
        created_at: When it was published, in seconds since 1970.
        attempts: How often the broker has refused it.
        last_error: Why, the last time.
        parked_at: When it was given up; None while it is tried.
    """

    __tablename__ = "fleet_outbox"

    seq: Mapped[int] = mapped_column(_SEQUENCE, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(_ID, unique=True)
    topic: Mapped[str] = mapped_column(_NAME)
    key: Mapped[str | None] = mapped_column(_KEY)
    lane: Mapped[int] = mapped_column(SmallInteger)
    headers: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[float] = mapped_column(Double)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    last_error: Mapped[str | None] = mapped_column(Text)
    parked_at: Mapped[float | None] = mapped_column(Double)

    __table_args__ = (
        Index(
            "fleet_outbox_waiting",
            "lane",
            "seq",
            sqlite_where=text("parked_at is null"),
            postgresql_where=text("parked_at is null"),
        ),
        # A key must not come back: a late delete would take another event with it.
        {"sqlite_autoincrement": True},
    )

    def message(self) -> Message:
        """Return the event as it goes over the wire."""
        return message_of(self.id, self.topic, self.key, self.headers, self.body)


outbox: Table = OutboxRow.metadata.tables["fleet_outbox"]

relay_lease = Table(
    "fleet_relay_lease",
    _metadata,
    Column("lane", SmallInteger, primary_key=True, autoincrement=False),
    Column("owner", _ID),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("until", Double, nullable=False, server_default="0"),
)

inbox = Table(
    "fleet_inbox",
    _metadata,
    Column("grp", _NAME, primary_key=True),
    Column("msg_id", _ID, primary_key=True),
    Column("at", Double, nullable=False),
    Index("fleet_inbox_age", "grp", "at"),
)

parked = Table(
    "fleet_parked",
    _metadata,
    Column("grp", _NAME, primary_key=True),
    Column("key", _KEY, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("lane", SmallInteger, nullable=False),
    Column("msg_id", _ID, nullable=False),
    Column("topic", _NAME, nullable=False),
    Column("partition_key", _KEY),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Double, nullable=False),
    Column("error", Text),
    Column("state", SmallInteger, nullable=False),
    Index("fleet_parked_once", "grp", "msg_id", unique=True),
)

fence = Table(
    "fleet_fence",
    _metadata,
    Column("grp", _NAME, primary_key=True),
    Column("lane", SmallInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
)

hearing = Table(
    "fleet_hearing",
    _metadata,
    Column("grp", _NAME, primary_key=True),
    Column("topic", _NAME, primary_key=True),
    Column("seen", Double, nullable=False),
    Column("leaving", _ID),
)

upkeep = Table(
    "fleet_upkeep",
    _metadata,
    Column("task", _NAME, primary_key=True),
    Column("owner", _ID, nullable=False),
    Column("until", Double, nullable=False),
)

PRODUCER_TABLES: Sequence[Table] = (outbox, relay_lease, upkeep)
CONSUMER_TABLES: Sequence[Table] = (inbox, parked, fence, hearing, upkeep)
# Databases of before, whose rows were in the order of a broker, may have them.
_twin = parked.alias()
_parked_twice = delete(parked).where(
    select(_twin.c.seq)
    .where(
        _twin.c.grp == parked.c.grp,
        _twin.c.msg_id == parked.c.msg_id,
        _twin.c.seq < parked.c.seq,
    )
    .exists()
)
_LOCK = 0x666C6565  # any number, the same in every process


async def ensure(database: "AsyncDatabase", tables: Sequence[Table]) -> None:
    """Make the tables that are not there; safe when several processes do so at once.

    Args:
        database: The service's own.
        tables: Which ones.
    """
    async with database.transaction() as transaction:
        if database.dialect == "postgresql":
            # The others wait for the first as long as it takes.
            await transaction.execute(text(UNHURRIED))
            lock = {"lock": _LOCK}
            await transaction.execute(text("select pg_advisory_xact_lock(:lock)"), lock)
        for table in tables:
            await transaction.execute(CreateTable(table, if_not_exists=True))
            if table is parked:
                await transaction.execute(_parked_twice)
            for index in table.indexes:
                await transaction.execute(CreateIndex(index, if_not_exists=True))
        if relay_lease in tables:
            rows = ", ".join(f"({lane})" for lane in range(LANES))
            # Numbers of our own.
            insert = f"insert into fleet_relay_lease(lane) values {rows}"  # noqa: S608
            await transaction.execute(text(f"{insert} on conflict do nothing"))


def headers_text(headers: Mapping[str, str]) -> str:
    """Return headers as they are kept.

    Args:
        headers: Of a message.
    """
    return json.dumps(dict(headers), separators=(",", ":"))


def message_of(
    id: str, topic: str, key: str | None, headers: str, body: bytes
) -> Message:
    """Return a message as it was before it was kept.

    Args:
        id: Its id.
        topic: Its topic.
        key: Its key.
        headers: Its headers, as kept.
        body: Its body.
    """
    return Message(id, topic, key, json.loads(headers), bytes(body))
