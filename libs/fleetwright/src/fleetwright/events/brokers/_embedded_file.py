"""The broker's SQLite file: what is asked of it, each in one transaction."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from fleetwright._clock import clock
from fleetwright._sqlite import Synchronous, WriterTurn, connect
from fleetwright.events._broker import Delivery
from fleetwright.events._envelope import LANES, Message

LEASE_SECONDS = 2.0
_PURGE_ROWS = 2_000
_TABLES = """
create table if not exists message(
  seq integer primary key autoincrement, msg_id text not null unique,
  topic text not null, key text, lane integer not null,
  headers text not null, body blob not null, at real not null);
create index if not exists message_age on message(at);
create table if not exists sub(
  grp text, topic text, primary key(grp, topic)) without rowid;
create table if not exists delivery(
  grp text, lane integer, seq integer, primary key(grp, lane, seq)) without rowid;
create index if not exists delivery_seq on delivery(seq);
create table if not exists lane(
  grp text, lane integer, owner text, epoch integer not null default 0,
  lease_until real not null default 0, primary key(grp, lane)) without rowid;
create table if not exists member(
  grp text, owner text, seen real not null, primary key(grp, owner)) without rowid;
"""


class EmbeddedFile:
    """One connection to the broker's file; used by one thread at a time.

    Publishing is synchronous FULL: it survives a power cut. The rest is NORMAL: an
    acknowledgement or a lease that is lost costs a duplicate, which the inbox absorbs.
    """

    def __init__(self, path: str) -> None:
        """Open the file and make its tables.

        Args:
            path: Of the file; its folder must exist.
        """
        self._connection = connect(path, synchronous="NORMAL")
        self._turn = WriterTurn(path)
        with self._writing("NORMAL"):
            for statement in _TABLES.split(";"):
                self._connection.execute(statement)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        self._turn.close()

    def check(self) -> None:
        """Raise when the file does not answer."""
        self._connection.execute("select count(*) from sub").fetchone()

    @contextmanager
    def _writing(self, synchronous: Synchronous) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        connection.execute(f"pragma synchronous={synchronous}")
        with self._turn.taken():
            connection.execute("begin immediate")
            try:
                yield connection
                connection.execute("commit")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("rollback")
                raise

    def publish(self, messages: Sequence[Message]) -> list[str]:
        """Keep messages for the groups that hear their topics.

        Args:
            messages: In order; one whose id is known is not kept again.

        Returns:
            The bells of the members that have something to look at.
        """
        now, groups = clock().now(), dict[str, list[str]]()
        with self._writing("FULL") as connection:
            for message in messages:
                row = connection.execute(
                    "insert into message(msg_id,topic,key,lane,headers,body,at)"
                    " values(?,?,?,?,?,?,?) on conflict(msg_id) do nothing"
                    " returning seq",
                    (
                        message.id,
                        message.topic,
                        message.key,
                        message.lane,
                        json.dumps(dict(message.headers), separators=(",", ":")),
                        message.body,
                        now,
                    ),
                ).fetchall()
                if not row:
                    continue
                if message.topic not in groups:
                    groups[message.topic] = self._hearing(message.topic)
                connection.executemany(
                    "insert into delivery(grp,lane,seq) values(?,?,?)",
                    [
                        (group, message.lane, row[0][0])
                        for group in groups[message.topic]
                    ],
                )
            hearing = sorted({group for found in groups.values() for group in found})
            return [bell for group in hearing for bell in self._members(group)]

    def _hearing(self, topic: str) -> list[str]:
        rows = self._connection.execute("select grp from sub where topic=?", (topic,))
        return [group for (group,) in rows.fetchall()]

    def _members(self, group: str) -> list[str]:
        rows = self._connection.execute(
            "select owner from member where grp=?", (group,)
        )
        return [owner for (owner,) in rows.fetchall()]

    def subscribe(self, group: str, topics: Sequence[str]) -> None:
        """Declare what a group hears, beside what other members of it do.

        Of a topic that is new to the group it hears what is still kept as well: a
        service that is started after its publishers has missed nothing.

        Args:
            group: The consuming service.
            topics: What it hears.
        """
        with self._writing("FULL") as connection:
            heard = {
                topic
                for (topic,) in connection.execute(
                    "select topic from sub where grp=?", (group,)
                ).fetchall()
            }
            new = [(group, topic) for topic in topics if topic not in heard]
            connection.executemany("insert into sub(grp,topic) values(?,?)", new)
            connection.executemany(
                "insert or ignore into delivery(grp,lane,seq)"
                " select ?,lane,seq from message where topic=?",
                new,
            )
            connection.executemany(
                "insert or ignore into lane(grp,lane) values(?,?)",
                [(group, lane) for lane in range(LANES)],
            )

    def unsubscribe(self, group: str, topics: Sequence[str]) -> None:
        """Deliver these topics no more to a group; what is pending still comes.

        Args:
            group: The consuming service.
            topics: What it hears no more.
        """
        with self._writing("NORMAL") as connection:
            connection.executemany(
                "delete from sub where grp=? and topic=?",
                [(group, topic) for topic in topics],
            )

    def tend(
        self, group: str, owner: str, *, may_release: bool
    ) -> tuple[dict[int, int], bool, list[str]]:
        """Renew the lanes of a member, take free ones, give up surplus ones.

        Args:
            group: The consuming service.
            owner: The member.
            may_release: Whether surplus lanes may go now: nothing of them is being
                handled.

        Returns:
            The lanes it owns with their epochs, whether it has more than its share,
            and the bells of others that have a reason to look. A lease that ends
            further ahead than one can is over: the time of day was put back.
        """
        with self._writing("NORMAL") as connection:
            now = clock().now()  # not before our turn: others take theirs meanwhile
            until = now + LEASE_SECONDS
            came = self._appear(group, owner, now)
            share = -(-LANES // len(self._members(group)))
            rows = connection.execute(
                "select lane,epoch,owner,lease_until from lane where grp=?"
                " order by lane",
                (group,),
            ).fetchall()
            mine = {lane: epoch for lane, epoch, by, _ in rows if by == owner}
            free = [
                (lane, epoch)
                for lane, epoch, by, ends in rows
                if by is None or (by != owner and not now < ends <= until)
            ]
            for lane, epoch in free[: max(0, share - len(mine))]:
                mine[lane] = epoch + 1
            released = sorted(mine)[share:] if may_release else []
            for lane in released:
                del mine[lane]
            connection.executemany(
                "update lane set owner=null, lease_until=0 where grp=? and lane=?",
                [(group, lane) for lane in released],
            )
            connection.executemany(
                "update lane set owner=?, epoch=?, lease_until=?"
                " where grp=? and lane=?",
                [(owner, epoch, until, group, lane) for lane, epoch in mine.items()],
            )
            others = [bell for bell in self._members(group) if bell != owner]
            return mine, len(mine) > share, others if came or released else []

    def _appear(self, group: str, owner: str, now: float) -> bool:
        """Be seen; return whether somebody came or went."""
        gone = self._connection.execute(
            "delete from member where grp=? and owner<>?"
            " and not seen between ? and ? returning owner",
            (group, owner, now - LEASE_SECONDS, now),
        ).fetchall()
        known = self._connection.execute(
            "update member set seen=? where grp=? and owner=? returning owner",
            (now, group, owner),
        ).fetchall()
        if not known:
            self._connection.execute(
                "insert into member(grp,owner,seen) values(?,?,?)", (group, owner, now)
            )
        return bool(gone) or not known

    def leave(self, group: str, owner: str) -> list[str]:
        """Let others take the lanes of a member at once.

        Args:
            group: The consuming service.
            owner: The member that leaves.

        Returns:
            The bells of the others.
        """
        with self._writing("NORMAL") as connection:
            connection.execute(
                "delete from member where grp=? and owner=?", (group, owner)
            )
            connection.execute(
                "update lane set owner=null, lease_until=0 where grp=? and owner=?",
                (group, owner),
            )
            return self._members(group)

    def read(self, group: str, lanes: Mapping[int, int], limit: int) -> list[Delivery]:
        """Return what is pending in some lanes, oldest first within a lane.

        Args:
            group: The consuming service.
            lanes: The lanes and their epochs.
            limit: How many at most.

        Returns:
            A fair share of each lane; empty when nothing is pending.
        """
        found: list[Delivery] = []
        places = self._connection.execute(
            "select lane from lane l where grp=? and exists(select 1 from delivery d"
            " where d.grp=l.grp and d.lane=l.lane)",
            (group,),
        )
        waiting = [lane for (lane,) in places.fetchall() if lane in lanes]
        share = max(8, limit // max(1, len(waiting)))
        for lane in waiting:
            epoch = lanes[lane]
            # All rows are fetched: an open cursor would pin an old state of the file.
            rows = self._connection.execute(
                "select d.seq,m.msg_id,m.topic,m.key,m.headers,m.body"
                " from delivery d join message m on m.seq=d.seq"
                " where d.grp=? and d.lane=? order by d.seq limit ?",
                (group, lane, share),
            ).fetchall()
            for seq, id, topic, key, headers, body in rows:
                message = Message(id, topic, key, json.loads(headers), body)
                found.append(Delivery(message, lane, epoch, seq))
        return found[:limit]

    def acknowledge(
        self, group: str, owner: str, deliveries: Sequence[Delivery]
    ) -> bool:
        """Forget deliveries of lanes that have not changed hands since.

        Args:
            group: The consuming service.
            owner: The member that handled them.
            deliveries: What is done.

        Returns:
            Whether all of their lanes are still the member's.
        """
        with self._writing("NORMAL") as connection:
            rows = connection.execute(
                "select lane,epoch from lane where grp=? and owner=?", (group, owner)
            )
            mine = dict(rows.fetchall())
            ours = [one for one in deliveries if mine.get(one.lane) == one.epoch]
            connection.executemany(
                "delete from delivery where grp=? and lane=? and seq=?",
                [(group, one.lane, one.position) for one in ours],
            )
            return len(ours) == len(deliveries)

    def purge(self, keep_seconds: float, keep_messages: int) -> int:
        """Forget some messages that are old or too many, and that nobody waits for.

        Args:
            keep_seconds: How long messages are kept for replay.
            keep_messages: How many are kept at most.

        Returns:
            How many were forgotten, a few thousand at most.
        """
        with self._writing("NORMAL") as connection:
            (last,) = connection.execute(
                "select coalesce(max(seq),0) from message"
            ).fetchone()
            return connection.execute(
                "delete from message where seq in (select m.seq from message m"
                " where (m.at<? or m.seq<=?)"
                " and not exists(select 1 from delivery d where d.seq=m.seq)"
                " order by m.seq limit ?)",
                (clock().now() - keep_seconds, last - keep_messages, _PURGE_ROWS),
            ).rowcount
