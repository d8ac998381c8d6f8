"""How much is kept, and the oldest thrown away."""

import sqlite3
import time
from dataclasses import dataclass

DAY_SECONDS = 86_400
SHARE_AT_ONCE = 0.1  # of what is there, when the file has grown too large
LOOKED_AT_ONCE = 20_000  # spans come in the order of time, nearly: the first are old
_OLD_SPANS = """delete from span where id <= (select coalesce(max(id), 0) from
 (select id, start_ns from span order by id limit ?) where start_ns < ?)"""
_OLD_TRACES = """delete from trace where start_ns < max(?, coalesce((select
 min(start_ns)
 from (select start_ns from span order by id limit ?)), 0))"""
_OLD_POINTS = """delete from metric_point
 where series in (select id from metric_series) and at_ns < ?"""


@dataclass(frozen=True, slots=True)
class Keep:
    """The most that is kept.

    Attributes:
        spans: How many spans.
        logs: How many log lines.
        days: How old anything may be.
        megabytes: How large the database may be.
    """

    spans: int = 500_000
    logs: int = 500_000
    days: float = 7.0
    megabytes: int = 1_000


def clean(on: sqlite3.Connection, keep: Keep) -> None:
    """Throw away what is too old or too much.

    Args:
        on: A connection that writes.
        keep: How much is kept.
    """
    oldest_ns = time.time_ns() - int(keep.days * DAY_SECONDS * 1e9)
    factor = 1 - SHARE_AT_ONCE if _megabytes(on) > keep.megabytes else 1.0
    on.execute("begin immediate")
    try:
        _shorten(on, "span", _kept(on, "span", keep.spans, factor))
        _shorten(on, "log", _kept(on, "log", keep.logs, factor))
        on.execute("delete from log where at_ns < ?", (oldest_ns,))
        on.execute(_OLD_SPANS, (LOOKED_AT_ONCE, oldest_ns))
        on.execute(_OLD_TRACES, (oldest_ns, LOOKED_AT_ONCE))
        on.execute(_OLD_POINTS, (oldest_ns,))
        on.execute("delete from event where at_ns < ?", (oldest_ns,))
        seconds = oldest_ns // 1_000_000_000
        on.execute("delete from call_slot where slot < ?", (seconds,))
        on.execute("delete from edge_minute where minute < ?", (seconds // 60,))
        on.execute("commit")
    except sqlite3.Error:
        on.execute("rollback")


def _megabytes(on: sqlite3.Connection) -> float:
    """Return how much of the file is in use."""
    pages = int(on.execute("pragma page_count").fetchone()[0])
    unused = int(on.execute("pragma freelist_count").fetchone()[0])
    size = int(on.execute("pragma page_size").fetchone()[0])
    return (pages - unused) * size / 1e6


def _kept(on: sqlite3.Connection, table: str, most: int, factor: float) -> int:
    """Return how many rows of a table may stay."""
    if factor == 1.0:
        return most
    counted = "select count(*) from " + table  # noqa: S608 - our names
    return min(most, int(on.execute(counted).fetchone()[0] * factor))


def _shorten(on: sqlite3.Connection, table: str, most: int) -> None:
    """Delete the first rows past a number; ids are given in order."""
    newest = "select coalesce(max(id), 0) from " + table  # noqa: S608 - our names
    limit = int(on.execute(newest).fetchone()[0]) - most
    on.execute("delete from " + table + " where id <= ?", (limit,))  # noqa: S608 - ours
