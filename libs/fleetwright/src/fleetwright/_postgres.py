"""Connections to PostgreSQL: bounded, in time, and none that is dead handed out."""

import contextlib
import math
import select
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from fleetwright._database_url import shown
from fleetwright._deadline import current_deadline
from fleetwright._savepoints import make_cheap
from fleetwright.errors import DeclarationError, FleetwrightError

if TYPE_CHECKING:
    from asyncpg.connection import Connection as _Driver

# A host that is gone without a word is noticed within 30 seconds.
_KEEPALIVE: Final = {
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_SOCKET_WORDS: Final = {
    "TCP_KEEPIDLE": _KEEPALIVE["keepalives_idle"],
    "TCP_KEEPINTVL": _KEEPALIVE["keepalives_interval"],
    "TCP_KEEPCNT": _KEEPALIVE["keepalives_count"],
    "TCP_USER_TIMEOUT": _KEEPALIVE["tcp_user_timeout"],
}
# What a URL says of TLS, in the words of libpq.
_TLS_FILES: Final[Sequence[str]] = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_TLS_WORDS: Final[Sequence[str]] = (
    *_TLS_FILES,
    "sslmode",
    "sslpassword",
    "sslnegotiation",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
)
_CLOSE_SECONDS: Final = 0.25  # a server that does not answer is not asked twice


@dataclass(frozen=True, slots=True)
class Pool:
    """What a database on a server may take: connections, and time.

    A call's deadline counts where it is sooner.

    Attributes:
        size: Connections that are kept once they were needed; at least 1.
        overflow: How many more there may be for a moment.
        wait_seconds: Longest wait for a connection that is free.
        connect_seconds: Longest wait for a new connection.
        statement_seconds: Longest time for one statement; the server cuts it.
        pause_seconds: Longest pause between two statements of a transaction: who is
            stuck gives up its locks, and loses its connection.
        start_seconds: How long `open` waits for a server that is not up yet.
        prepares: Whether statements are prepared once and used again. False behind a
            PgBouncer older than 1.21 that pools transactions.

    Raises:
        DeclarationError: It is no limit: fewer than one connection, or no time.
    """

    size: int = 10
    overflow: int = 10
    wait_seconds: float = 5.0
    connect_seconds: float = 5.0
    statement_seconds: float = 30.0
    pause_seconds: float = 60.0
    start_seconds: float = 10.0
    prepares: bool = True

    def __post_init__(self) -> None:
        """Refuse what would be no limit at all."""
        times = {
            name: getattr(self, name)
            for name in self.__slots__
            if name.endswith("_seconds")
        }
        too_small = [name for name, seconds in times.items() if not seconds > 0]
        too_small += ["size"] if self.size < 1 else []
        too_small += ["overflow"] if self.overflow < 0 else []
        if too_small:
            raise DeclarationError(
                f"a pool cannot have so little: {', '.join(too_small)}",
                where="Pool(...)",
                hint="size is 1 or more, overflow 0 or more, times are above 0",
            )

    def limits(self) -> dict[str, int]:
        """Return the settings that let the server keep the times of a transaction.

        Returns:
            Milliseconds by the name of the setting.
        """
        deadline = current_deadline()
        most = self.statement_seconds
        left = most if deadline is None else min(most, deadline.left())
        return {
            "statement_timeout": _milliseconds(left),
            "idle_in_transaction_session_timeout": _milliseconds(self.pause_seconds),
        }


def require_files(url: URL) -> None:
    """Make sure that the certificates and keys a URL names are there.

    Args:
        url: Of a database on PostgreSQL.

    Raises:
        FleetwrightError: One is not; drivers do not say which.
    """
    for word in _TLS_FILES:
        path = str(url.query.get(word, ""))
        if path and path != "system" and not Path(path).is_file():
            raise FleetwrightError(
                f"a file for TLS is not there: {path}",
                where=shown(url),
                hint=f"mend {word} in DATABASE_URL",
            )


def async_engine(url: URL, pool: Pool, named: Callable[[], str]) -> AsyncEngine:
    """Return an async engine on PostgreSQL.

    Its transactions begin with their limits in the same message: they cost nothing. A
    connection the server has closed is not handed out, and takes all others with it.

    Args:
        url: `postgresql+asyncpg://...`.
        pool: How much it may take.
        named: Says what the server calls us.

    Returns:
        The engine.

    Raises:
        FleetwrightError: asyncpg is not installed.
    """
    with _told_what_is_missing(url):
        driver = _in_time(pool)
        engine = create_async_engine(url, **_sizes(pool))

    def connect(_dialect: Any, _record: Any, _args: Any, words: dict[str, Any]) -> None:
        words["connection_class"] = driver
        words["timeout"] = pool.connect_seconds
        tls = {word: words.pop(word) for word in _TLS_WORDS if word in words}
        if tls:  # asyncpg reads them in a URL only
            words["dsn"] = f"postgresql://?{urlencode(tls)}"
        told = words.get("server_settings") or {}
        words["server_settings"] = {"application_name": named()} | told
        if not pool.prepares:
            words |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
            words["prepared_statement_name_func"] = str  # no name: nothing to collide

    event.listen(engine.sync_engine, "do_connect", connect)
    event.listen(engine.sync_engine, "checkout", _require_open)
    make_cheap(engine.dialect)
    return engine


def _require_open(raw: Any, _record: Any, _proxy: Any) -> None:
    """Refuse to hand out a connection that the server has closed.

    asyncpg is told of that by the loop: no ping is needed, which would cost a
    transaction half as much again.
    """
    if raw.driver_connection.is_closed():
        raise InvalidatePoolError


def _in_time(pool: Pool) -> type["_Driver[Any]"]:
    """Return asyncpg's connection with the limits of `pool`."""
    # Here and not above: who keeps SQLite never loads it.
    from asyncpg.connection import Connection as Driver

    class InTime(Driver):
        """A connection whose transactions begin with their limits."""

        def __init__(self, protocol: Any, transport: Any, *args: Any) -> None:
            """Take over the transport; have a peer that is gone noticed."""
            super().__init__(protocol, transport, *args)
            _keep_alive(transport.get_extra_info("socket"))

        async def execute(
            self,
            query: str,
            *args: object,
            timeout: float | None = None,  # noqa: ASYNC109 - asyncpg's signature
        ) -> str:
            """Run a script; a BEGIN takes its limits along."""
            if query.startswith("BEGIN"):
                limits = pool.limits().items()
                query += "".join(f"SET LOCAL {name} = {ms};" for name, ms in limits)
            done: str = await super().execute(query, *args, timeout=timeout)
            return done

        async def close(
            self,
            *,
            timeout: float | None = None,  # noqa: ASYNC109 - asyncpg's signature
        ) -> None:
            """Say good-bye, and do not wait long for an answer."""
            await super().close(timeout=min(timeout or _CLOSE_SECONDS, _CLOSE_SECONDS))

    return InTime


def _keep_alive(sock: Any) -> None:
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for word, value in _SOCKET_WORDS.items():
        if (option := getattr(socket, word, None)) is not None:  # not on every system
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def sync_engine(url: URL, pool: Pool, named: Callable[[], str]) -> Engine:
    """Return a sync engine on PostgreSQL; the deadline is that of the thread.

    Args:
        url: `postgresql+psycopg://...`.
        pool: How much it may take.
        named: Says what the server calls us.

    Returns:
        The engine.

    Raises:
        FleetwrightError: psycopg is not installed.
    """
    with _told_what_is_missing(url):
        engine = create_engine(url, **_sizes(pool))

    def connect(_dialect: Any, _record: Any, _args: Any, words: dict[str, Any]) -> None:
        given = {"application_name": named(), **_KEEPALIVE} | words
        words |= given | {"connect_timeout": max(1, round(pool.connect_seconds))}
        if not pool.prepares:
            words["prepare_threshold"] = None

    def begin(connection: Connection) -> None:
        limits = pool.limits().items()
        words = ", ".join(f"set_config('{name}', '{ms}', true)" for name, ms in limits)
        connection.exec_driver_sql(f"select {words}")

    def check_out(driver: Any, _record: Any, _proxy: Any) -> None:
        # Nobody reads an idle connection: that it was closed waits there to be read,
        # behind the server's last words.
        try:
            while not driver.closed and _has_news(driver.fileno()):
                driver.pgconn.consume_input()
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error
        if driver.closed:
            raise InvalidatePoolError

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "begin", begin)
    event.listen(engine, "checkout", check_out)
    return engine


def _has_news(descriptor: int) -> bool:
    """Return whether there is something to read."""
    if not hasattr(select, "poll"):
        return bool(select.select((descriptor,), (), (), 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _sizes(pool: Pool) -> dict[str, Any]:
    return {
        "pool_size": pool.size,
        "max_overflow": pool.overflow,
        "pool_timeout": pool.wait_seconds,
        "hide_parameters": True,
    }


def _milliseconds(seconds: float) -> int:
    return max(1, math.ceil(seconds * 1000))


@contextlib.contextmanager
def _told_what_is_missing(url: URL) -> Any:
    try:
        yield
    except ModuleNotFoundError as error:
        raise FleetwrightError(
            f"a database on PostgreSQL needs {error.name}",
            where=shown(url),
            hint="add `fleetwright[postgres]` to requirements.in and run `fleet lock`",
        ) from None
