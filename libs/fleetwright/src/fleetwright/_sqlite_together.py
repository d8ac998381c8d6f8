"""Group commit: transactions that stand in line are written to the disk together.

SQLite has one writer, and a commit waits for the disk. So who commits while others
wait for their turn leaves the file's transaction open to the next, in a savepoint of
its own, and is told that it is committed when all of them are: one wait for many. See
Gray and Reuter, "Transaction Processing", section 9.4.7.

A transaction that takes long would keep those before it waiting as well: after one the
next ones are committed alone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol

from fleetwright._clock import clock
from fleetwright._sqlite import sqlite_module

_MEMBER: Final = "fleetwright_member"
_MOST: Final = 64
_LONGEST_SECONDS: Final = 0.02  # how long the first of a group may wait for the last
_WARY: Final = 64  # transactions that are committed alone after one that took long
_BEGIN: Final = "BEGIN IMMEDIATE"
_UNDO: Final = f"ROLLBACK TO {_MEMBER}"
_LOCKED: Final = 5  # https://www.sqlite.org/rescode.html#busy


class Writer(Protocol):
    """The connection that writes for all."""

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction is open."""

    def waits_for_others(self, ms: int) -> None:
        """Wait that long for other processes."""

    def later(self, sql: str) -> None:
        """Run a statement before the next one."""

    async def told(self, sql: str) -> None:
        """Run a statement without parameters or answer."""

    async def commit(self) -> None:
        """Commit."""

    async def rollback(self) -> None:
        """Undo what was not committed."""


class _Group:
    """The members of one transaction of the file."""

    def __init__(self, now: float) -> None:
        self.begun_at = now
        self.members = 0
        self.is_kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Together:
    """What the writers of one file and this process share.

    Whoever begins has the turn to write; with the commit, or the undoing, it passes.

    Attributes:
        in_line: Returns how many wait for their turn.
        pass_on: Gives the turn to the next.
    """

    def __init__(self, connect: Callable[[], Awaitable[Writer]]) -> None:
        """Share nothing yet.

        Args:
            connect: Opens the connection that writes for all.
        """
        self.in_line: Callable[[], int] = int
        self.pass_on: Callable[[], None] = _nothing
        self._connect = connect
        self._writer: Writer | None = None
        self._group: _Group | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._joined_at = 0.0
        self._alone = 0

    async def join(self, patience_ms: int) -> Writer:
        """Begin a transaction; the caller has the turn.

        Args:
            patience_ms: How long to wait for another process, in milliseconds.

        Returns:
            The connection to write with, until `keep` or `undo`.
        """
        await self._kept()
        if self._writer is None:
            self._writer = await self._connect()
        writer = self._writer
        if self._group is None:
            writer.waits_for_others(patience_ms)
            try:
                await writer.told(_BEGIN)
            except BaseException:  # cut: it may begin all the same
                self._keeping = asyncio.create_task(_undo_all(writer), name="undo")
                raise
            self._group = _Group(clock().monotonic())
        self._joined_at = clock().monotonic()
        writer.later(f"SAVEPOINT {_MEMBER}")
        return writer

    async def keep(self) -> None:
        """Commit: return when it is on the disk.

        Raises:
            Exception: The driver's; nothing was committed.
        """
        writer, group = self._open()
        if not writer.is_in_transaction:
            raise self._lost(group)
        writer.later(f"RELEASE {_MEMBER}")
        group.members += 1
        self._leave(group)
        await asyncio.shield(group.is_kept)

    async def undo(self) -> None:
        """Undo what was done since `join`; the others stay."""
        writer, group = self._open()
        try:
            if not writer.is_in_transaction:
                self._lost(group)
                return
            await writer.told(_UNDO)
            writer.later(f"RELEASE {_MEMBER}")
        except sqlite_module().Error:  # SQLite has undone all of it meanwhile
            self._lost(group)
        finally:
            self._leave(group)

    async def finish(self) -> None:
        """Commit what is left open, for whoever writes in another way."""
        if self._group is not None:
            self._end(self._group)
        await self._kept()

    async def close(self) -> None:
        """Commit what is left open and let go of the connection."""
        await self.finish()
        self._writer = None

    def abandon(self) -> None:
        """Commit what is left open where nobody is in line for it any more."""
        if self._group is not None:
            self._end(self._group)

    def _open(self) -> tuple[Writer, _Group]:
        if self._writer is None or self._group is None:
            raise RuntimeError("nobody has joined")
        return self._writer, self._group

    def _lost(self, group: _Group) -> Exception:
        """Tell the members that SQLite has undone all of them."""
        self._group = None
        error = _undone("a statement failed the whole transaction")
        _fail(group, error)
        return error

    def _leave(self, group: _Group) -> None:
        now = clock().monotonic()
        is_long = now - self._joined_at > _LONGEST_SECONDS
        self._alone = _WARY if is_long else max(0, self._alone - 1)
        goes_on = (
            self.in_line() > 0
            and not self._alone
            and group.members < _MOST
            and now - group.begun_at < _LONGEST_SECONDS
        )
        if self._group is group and not goes_on:
            self._end(group)
        self.pass_on()

    def _end(self, group: _Group) -> None:
        self._group = None
        self._keeping = asyncio.create_task(self._commit(group), name="commit")

    async def _kept(self) -> None:
        while self._keeping is not None and not self._keeping.done():
            await asyncio.wait((self._keeping,))

    async def _commit(self, group: _Group) -> None:
        writer = self._writer
        try:
            if writer is not None and group.members:
                await writer.commit()
            elif writer is not None:
                await writer.rollback()
        except Exception as error:
            if group.members > 1:  # one of them may fail every time: not with others
                self._alone = _WARY
            await _undo_all(writer)
            _fail(group, error if group.members == 1 else _undone(str(error)))
        else:
            if not group.is_kept.done():
                group.is_kept.set_result(None)


async def _undo_all(writer: Writer | None) -> None:
    with suppress(Exception):  # it says nothing that was not said
        if writer is not None:
            await writer.rollback()


def _fail(group: _Group, error: BaseException) -> None:
    if not group.is_kept.done():
        group.is_kept.set_exception(error)
        group.is_kept.exception()  # whoever waits is told; nobody may be left


def _undone(why: str) -> Exception:
    error: Exception = sqlite_module().OperationalError(f"undone with others: {why}")
    error.sqlite_errorcode = _LOCKED  # type: ignore[attr-defined]  # it passes
    return error


def _nothing() -> None:
    """Pass nothing on: nobody has the turn."""
