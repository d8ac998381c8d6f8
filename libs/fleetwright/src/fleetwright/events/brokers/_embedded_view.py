"""What an operator reads of the embedded broker's file, and has delivered again."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from fleetwright._sqlite import WriterTurn, connect
from fleetwright.events._kept import Span
from fleetwright.events.brokers._wake import LOOK, ring

_EVER = 2**62  # later than any moment, more than any number


def waiting(path: str, group: str) -> dict[str, tuple[int, float]]:
    """Return how many messages of each topic a group has not heard yet.

    Args:
        path: Of the file; it need not be there.
        group: Who hears.

    Returns:
        How many of each, and when the oldest was published, in seconds since 1970.
    """
    with _opened(path) as connection:
        if connection is None:
            return {}
        rows = connection.execute(
            "select m.topic,count(*),min(m.at) from delivery d"
            " join message m on m.seq=d.seq where d.grp=? group by m.topic",
            (group,),
        ).fetchall()
        return {topic: (count, at) for topic, count, at in rows}


def deliver_again(path: str, group: str, topic: str, span: Span) -> int:
    """Have kept messages delivered to a group once more, in order.

    Args:
        path: Of the file.
        group: Who hears; its inbox tells what it has handled.
        topic: Which ones.
        span: From when to when, or from which number to which.

    Returns:
        How many come again; those that were waiting anyway are not counted.
    """
    first = 0 if span.first is None else span.first
    last = _EVER if span.last is None else span.last
    with _opened(path) as connection:
        if connection is None:
            return 0
        turn = WriterTurn(path)
        try:
            with turn.taken():
                connection.execute("begin immediate")
                count = connection.execute(
                    "insert or ignore into delivery(grp,lane,seq)"
                    " select ?,lane,seq from message where topic=?"
                    " and at>=? and case when ? then seq else at end between ? and ?",
                    (group, topic, span.not_before, span.counts, first, last),
                ).rowcount
                connection.execute("commit")
        finally:
            turn.close()
        bells = connection.execute("select owner from member where grp=?", (group,))
        ring([owner for (owner,) in bells.fetchall()], LOOK)
        return int(count)


@contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection | None]:
    """Open the file if the broker has made it; never make it."""
    if not os.path.exists(path):
        yield None
        return
    with closing(connect(path, synchronous="FULL")) as connection:
        made = connection.execute(
            "select 1 from sqlite_master where name='delivery'"
        ).fetchone()
        yield connection if made else None
