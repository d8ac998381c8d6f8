"""What a broker still has to deliver, asked behind the library's back."""

from contextlib import closing

from fleetwright._sqlite import sqlite_module


def left_with(url: str) -> int | None:
    """Return how many deliveries wait; None while that cannot be told.

    Args:
        url: Of the broker.
    """
    scheme, _, rest = url.partition("://")
    return {"embedded": _embedded}[scheme](rest[1:])


def _embedded(path: str) -> int:
    with closing(sqlite_module().connect(path, timeout=15)) as connection:
        count = connection.execute("select count(*) from delivery").fetchone()[0]
        return int(count)
