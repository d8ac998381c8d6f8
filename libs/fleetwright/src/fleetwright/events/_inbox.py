"""Seen before? Asked and answered in the transaction of the reaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, cast

from sqlalchemy import (
    CursorResult,
    Double,
    String,
    bindparam,
    delete,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright._clock import clock
from fleetwright.events._envelope import Message
from fleetwright.events._tables import fence, inbox, parked

_LONGEST_NAME = 200  # of a column
DEAD_RELEASED = 3  # states below this one hold back later events of their key
_WORDS = {"sqlite": sqlite, "postgresql": postgresql}


class Seen(StrEnum):
    """What is known of a delivery before its reaction runs."""

    NEW = "new"
    DUPLICATE = "duplicate"
    BEHIND = "behind"
    FENCED = "fenced"


# Built once: making a statement costs more than running it.
_newer_owner = select(fence.c.epoch).where(
    fence.c.grp == bindparam("fence", type_=String),
    fence.c.lane == bindparam("lane"),
    fence.c.epoch > bindparam("epoch"),
)
_held_back = select(parked.c.seq).where(
    parked.c.grp == bindparam("grp", type_=String),
    parked.c.key == bindparam("key"),
    parked.c.state < DEAD_RELEASED,
)
_fence = (
    select(fence.c.epoch)
    .where(
        fence.c.grp == bindparam("grp", type_=String), fence.c.lane == bindparam("lane")
    )
    .with_for_update(read=True)
)
_known = select(inbox.c.at).where(
    inbox.c.grp == bindparam("grp"), inbox.c.msg_id == bindparam("id")
)
# In the order of their ids: two workers must not wait for each other.
_CLAIM_ALL = """
insert into fleet_inbox(grp, msg_id, at)
select :grp, r.id, :at from {rows} where not exists(
  select 1 from fleet_parked p
  where p.grp = :grp and p.key = r.key and p.state < :released)
and not exists(
  select 1 from fleet_fence f
  where f.grp = r.fence and f.lane = r.lane and f.epoch > r.epoch)
order by r.id on conflict do nothing returning msg_id
"""
_ROWS = {
    "sqlite": "(select value->>'id' as id, value->>'key' as key,"
    " value->>'fence' as fence, value->>'lane' as lane, value->>'epoch' as epoch"
    " from json_each(:rows)) r",
    "postgresql": "jsonb_to_recordset(cast(:rows as jsonb))"
    " as r(id text, key text, fence text, lane smallint, epoch bigint)",
}
_claim_all = {
    name: text(_CLAIM_ALL.format(rows=rows)).bindparams(
        bindparam("grp", type_=String), bindparam("at", type_=Double)
    )
    for name, rows in _ROWS.items()
}
_known_of = select(inbox.c.msg_id).where(
    inbox.c.grp == bindparam("grp"),
    inbox.c.msg_id.in_(bindparam("ids", expanding=True)),
)
_disclaim = delete(inbox).where(
    inbox.c.grp == bindparam("grp"),
    inbox.c.msg_id.in_(bindparam("ids", expanding=True)),
)
_row = select(
    bindparam("grp", type_=String),
    bindparam("id", type_=String),
    bindparam("at", type_=Double),
)


def _insert_of(rows: Any) -> dict[str, Any]:
    return {
        name: words.insert(inbox)
        .from_select(["grp", "msg_id", "at"], rows)
        .on_conflict_do_nothing()
        for name, words in _WORDS.items()
    }


_claim = _insert_of(_row.where(~_held_back.exists(), ~_newer_owner.exists()))
_record = _insert_of(_row)


def _raise_of(words: Any) -> Any:
    insert = words.insert(fence).values(
        grp=bindparam("grp"), lane=bindparam("lane"), epoch=1
    )
    return insert.on_conflict_do_update(
        index_elements=["grp", "lane"], set_={"epoch": fence.c.epoch + 1}
    ).returning(fence.c.epoch)


_raise = {name: _raise_of(words) for name, words in _WORDS.items()}


@dataclass(frozen=True, slots=True)
class Hold:
    """A lane as this process holds it: by the fence of the consumer's database.

    Attributes:
        group: Who hears.
        stream: What the lane is counted within; empty for all topics of the group.
        lane: The lane.
        epoch: How often the lane has changed hands, this time included. Who holds a
            lower one was paused past its lease and is shut out.
    """

    group: str
    stream: str
    lane: int
    epoch: int

    def order_key(self, message: Message) -> str:
        """Return what a message keeps its order within: of its topic, on a stream.

        A key is in order across topics only where one lane carries them all. Where it
        is not, an event that fails must not hold back those of other topics, or what
        it waits for would wait behind it.

        Args:
            message: What was delivered.
        """
        key = message.order_key
        return f"{self.stream}/{key}" if self.stream else key

    @property
    def fence(self) -> str:
        """The name the fence is kept by."""
        return _fence_name(self.group, self.stream)


def _fence_name(group: str, stream: str) -> str:
    if not stream:
        return group
    name = f"{group}/{stream}"
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{group}/{sha256(stream.encode()).hexdigest()[:32]}"


async def claim(transaction: AsyncSession, hold: Hold, message: Message) -> Seen:
    """Record a message if its reaction may run now.

    One statement in the common case. The row is the proof that the effects of this
    transaction happen once: whoever commits it second gets nothing.

    Args:
        transaction: The one the reaction will run in.
        hold: Of its lane.
        message: What came in.

    Returns:
        NEW: run the reaction. DUPLICATE: it ran. BEHIND: an earlier event of the key
        is parked. FENCED: the lane has a newer owner.
    """
    values = {
        "grp": hold.group,
        "id": message.id,
        "at": clock().now(),
        "key": hold.order_key(message),
        "fence": hold.fence,
        "lane": hold.lane,
        "epoch": hold.epoch,
    }
    if await _changed(transaction, _claim, values):
        return Seen.NEW
    if await is_fenced(transaction, hold):
        return Seen.FENCED
    if await is_known(transaction, hold.group, message.id):
        return Seen.DUPLICATE
    return Seen.BEHIND


async def claim_all(
    transaction: AsyncSession, messages: Sequence[tuple[Hold, Message]]
) -> set[str]:
    """Record messages of one group whose reactions may run now, by one statement.

    Args:
        transaction: The one their reactions will run in.
        messages: What came in and the holds of their lanes; no two of one key.

    Returns:
        The ids of those that are NEW; what the others are, `claim` tells.
    """
    rows = [
        {
            "id": message.id,
            "key": hold.order_key(message),
            "fence": hold.fence,
            "lane": hold.lane,
            "epoch": hold.epoch,
        }
        for hold, message in messages
    ]
    values = {
        "grp": messages[0][0].group,
        "at": clock().now(),
        "rows": json.dumps(rows),
        "released": DEAD_RELEASED,
    }
    statement = _claim_all[transaction.get_bind().dialect.name]
    return set(await transaction.scalars(statement, values))


async def disclaim(
    transaction: AsyncSession, group: str, message_ids: Sequence[str]
) -> None:
    """Take back the rows of messages whose effects are not in this transaction.

    Args:
        transaction: The one that has recorded them.
        group: Who hears.
        message_ids: Of the messages.
    """
    await transaction.execute(_disclaim, {"grp": group, "ids": list(message_ids)})


async def record(transaction: AsyncSession, group: str, message_id: str) -> bool:
    """Record a message whose turn it is; tell whether it is new.

    Args:
        transaction: The one the reaction will run in.
        group: Who hears.
        message_id: Of the message.

    Returns:
        False where its effects were committed before.
    """
    values = {"grp": group, "id": message_id, "at": clock().now()}
    return await _changed(transaction, _record, values)


async def record_all(
    transaction: AsyncSession, group: str, message_ids: Sequence[str]
) -> None:
    """Record messages that are never to have effects any more.

    Args:
        transaction: The one that destroys them.
        group: Who hears.
        message_ids: Of the messages.
    """
    if message_ids:
        statement = _record[transaction.get_bind().dialect.name]
        now = clock().now()
        rows = [{"grp": group, "id": id, "at": now} for id in message_ids]
        await transaction.execute(statement, rows)


async def is_known(transaction: AsyncSession, group: str, message_id: str) -> bool:
    """Return whether the effects of a message were committed.

    Args:
        transaction: An open one.
        group: Who hears.
        message_id: Of the message.
    """
    values = {"grp": group, "id": message_id}
    return await transaction.scalar(_known, values) is not None


async def known_of(
    transaction: AsyncSession, group: str, message_ids: Sequence[str]
) -> set[str]:
    """Return which messages have effects that were committed.

    Args:
        transaction: An open one.
        group: Who hears.
        message_ids: Of the messages.
    """
    values = {"grp": group, "ids": list(message_ids)}
    return set(await transaction.scalars(_known_of, values))


async def is_fenced(transaction: AsyncSession, hold: Hold) -> bool:
    """Return whether the lane has a newer owner; while not, nobody becomes one.

    Args:
        transaction: An open one; on PostgreSQL the fence stands still until it ends.
        hold: Of who asks.
    """
    values = {"grp": hold.fence, "lane": hold.lane}
    epoch = await transaction.scalar(_fence, values)
    return epoch is not None and int(epoch) > hold.epoch


async def take_lane(
    transaction: AsyncSession, group: str, stream: str, lane: int
) -> Hold:
    """Become the owner of a lane and shut out earlier ones.

    Args:
        transaction: An open one.
        group: Who hears.
        stream: What the lane is counted within.
        lane: The lane.

    Returns:
        The lane as it is held from now on.
    """
    values = {"grp": _fence_name(group, stream), "lane": lane}
    raised = _raise[transaction.get_bind().dialect.name]
    epoch = await transaction.scalar(raised, values)
    return Hold(group, stream, lane, int(epoch))


async def _changed(
    transaction: AsyncSession, statements: dict[str, Any], values: dict[str, object]
) -> bool:
    statement = statements[transaction.get_bind().dialect.name]
    result = await transaction.execute(statement, values)
    return int(cast(CursorResult[Any], result).rowcount) == 1
