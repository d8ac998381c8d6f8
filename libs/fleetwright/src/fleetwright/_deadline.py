"""Deadline: how long is left, bound to the current call."""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType

from fleetwright._clock import clock
from fleetwright.errors import DeadlineExceeded


class DeadlineScope:
    """One `with` block of a deadline: what is bound in it, and the timer that cuts it.

    Follows the cancellation protocol of `asyncio.timeout`: a cancellation of our own
    leaves the block as `DeadlineExceeded`, one from outside stays a cancellation.
    """

    __slots__ = ("_cancelling", "_fired", "_task", "_timer", "deadline", "outer")

    def __init__(self, deadline: "Deadline", outer: "DeadlineScope | None") -> None:
        """Bind the earlier of `deadline` and what is bound outside."""
        self.outer = outer
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None
        self._fired = False
        self._cancelling = 0
        bound = outer.deadline if outer is not None else None
        if bound is not None and bound.at <= deadline.at:
            self.deadline: Deadline | None = bound  # its own scope cuts in time
            return
        self.deadline = deadline
        self._arm(deadline)

    def _arm(self, deadline: "Deadline") -> None:
        loop = asyncio._get_running_loop()
        if loop is None:
            return
        self._task = asyncio.current_task(loop)
        if self._task is None:
            return
        self._cancelling = self._task.cancelling()
        self._timer = loop.call_later(max(0.0, deadline.left()), self._fire)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None  # the handle holds us: no cycle for the collector

    def _fire(self) -> None:
        self._fired = True
        if self._task is not None:
            self._task.cancel()

    def lift(self) -> None:
        """Let the block run on without a deadline: nothing is bound or cut any more."""
        self.deadline = None
        self._disarm()

    def leave(self, kind: type[BaseException] | None) -> bool:
        """Stop the timer and tell whether the block was cut by this scope.

        Args:
            kind: The type of the exception that leaves the block.

        Returns:
            True if the cancellation that leaves the block is the deadline's own.
        """
        self._disarm()
        if not self._fired or self._task is None:
            return False
        ours = self._task.uncancel() <= self._cancelling
        return ours and kind is not None and issubclass(kind, asyncio.CancelledError)


_scope: ContextVar[DeadlineScope | None] = ContextVar("fleetwright_deadline")


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point in time after which nobody waits for the answer any more.

    As a `with` block it is bound to the current call: calls out carry what is left of
    it. In async code the block is also cut when the time is over. The earlier of two
    nested deadlines counts. One deadline may be entered by several tasks at a time.

    Attributes:
        at: The point in time, in seconds of `Clock.monotonic()`.
    """

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline that many seconds from now.

        Args:
            seconds: Time from now; zero or less is over at once.

        Returns:
            The deadline.
        """
        return cls(clock().monotonic() + seconds)

    def left(self) -> float:
        """Return the seconds that are left; negative when it has passed."""
        return self.at - clock().monotonic()

    @property
    def expired(self) -> bool:
        """Whether the time is over."""
        return self.left() <= 0

    def __enter__(self) -> "Deadline":
        """Bind the deadline to what runs in the block."""
        _scope.set(DeadlineScope(self, _scope.get(None)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Bind what was bound before.

        Raises:
            DeadlineExceeded: The block was cut because the time was over.
        """
        scope = _scope.get(None)
        if scope is None:
            return
        # set() and not reset(): a block may be left in a copy of the context it was
        # entered in (generators, fixtures), where a token is refused.
        _scope.set(scope.outer)
        if scope.leave(kind):
            raise DeadlineExceeded from error


def current_deadline() -> Deadline | None:
    """Return the deadline of the current call, or None when there is none."""
    scope = _scope.get(None)
    return scope.deadline if scope is not None else None


def lift_deadline() -> None:
    """Let the innermost block of a deadline around here run on without it."""
    scope = _scope.get(None)
    if scope is not None:
        scope.lift()


def end_deadline() -> None:
    """Let the time be over for the innermost block of a deadline around here.

    For work that cannot be cut because it runs in a thread: it shares the block, and
    its next call out or commit raises `DeadlineExceeded`.
    """
    scope = _scope.get(None)
    if scope is not None:
        scope.deadline = Deadline(clock().monotonic())


def require_time(what: str) -> None:
    """Raise where the time for the current call is over.

    Args:
        what: What would be done now, as in `commit`.

    Raises:
        DeadlineExceeded: It is over.
    """
    deadline = current_deadline()
    if deadline is not None and deadline.expired:
        raise DeadlineExceeded(f"the time was over before the {what}")
