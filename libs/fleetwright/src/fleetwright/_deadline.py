"""Deadline: how long is left, bound to the current call, and the alarm that cuts it."""

import asyncio
from asyncio import current_task
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType

from fleetwright._clock import clock, here
from fleetwright.errors import DeadlineExceeded

# An alarm that rings in this time is worth a slot: below it rings too often, above it
# would hold too many slots.
_NEAREST_SECONDS = 0.05
_FARTHEST_SECONDS = 30.0
_SLOT_SECONDS = 0.025
_SLOTS_PER_SECOND = 1 / _SLOT_SECONDS
_KEPT_ON_LOOP = "_fleetwright_alarms"


class DeadlineScope:
    """One `with` block of a deadline: what is bound in it, and the alarm that cuts it.

    Follows the cancellation protocol of `asyncio.timeout`: a cancellation of our own
    leaves the block as `DeadlineExceeded`, one from outside stays a cancellation. The
    earlier of two nested blocks counts.

    Attributes:
        at: When the time is over, in seconds of `Clock.monotonic()`; None for never.
        outer: The block around this one.
        owner: Whose block it is; None where it was made without one.
        rings_at: When the alarm rings, in seconds of the loop's time.
        was_cut: Whether the block was cut because its own time was over.
    """

    _task: asyncio.Task[object]
    _cancelling: int
    __slots__ = (
        "_cancelling",
        "_deadline",
        "_slot",
        "_task",
        "_timer",
        "at",
        "outer",
        "owner",
        "rings_at",
        "was_cut",
    )

    def __init__(
        self,
        at: float,
        now: float,
        loop: asyncio.AbstractEventLoop | None,
        deadline: "Deadline | None" = None,
    ) -> None:
        """Bind the earlier of this time and what is bound outside; set the alarm.

        Args:
            at: When the time is over, in seconds of `Clock.monotonic()`.
            now: This moment, in the same seconds.
            loop: The running loop; without one nothing is cut.
            deadline: `at` as a value, where there is one.
        """
        self.at: float | None = at
        self._deadline = self.owner = deadline
        self._slot: set[DeadlineScope] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.was_cut = False
        outer = self.outer = _scope.get(None)
        _scope.set(self)
        if outer is not None and outer.at is not None and outer.at <= at:
            # The outer block cuts in time.
            self.at, self._deadline = outer.at, outer.deadline
            return
        task = None if loop is None else current_task(loop)
        if loop is None or task is None:
            return
        self._task = task
        self._cancelling = task.cancelling()
        left = at - now
        if _NEAREST_SECONDS <= left <= _FARTHEST_SECONDS:
            self.rings_at = rings_at = loop.time() + left
            alarms = getattr(loop, _KEPT_ON_LOOP, None) or alarms_of(loop)
            self._slot = slot = alarms.slot(int(rings_at * _SLOTS_PER_SECOND))
            slot.add(self)
        else:
            self._timer = loop.call_later(max(0.0, left), self.ring)

    def __enter__(self) -> "DeadlineScope":
        """Go on; it is bound since it was made."""
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
        # set() and not reset(): a block may be left in a copy of the context it was
        # entered in (generators, fixtures), where a token is refused.
        _scope.set(self.outer)
        if self._slot is not None:
            self._slot.discard(self)
        if self._timer is not None:
            self._disarm()
        if not self.was_cut or self._task.uncancel() > self._cancelling:
            return
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            raise DeadlineExceeded from error

    @property
    def deadline(self) -> "Deadline | None":
        """What is bound in the block, as a value."""
        if self._deadline is None and self.at is not None:
            self._deadline = Deadline(self.at)
        return self._deadline

    def lift(self) -> None:
        """Let the block run on without a deadline: nothing is bound or cut any more."""
        self.at = self._deadline = None
        self._disarm()

    def end(self) -> None:
        """Let the time be over, for what asks; nothing is cut."""
        self.at, self._deadline = clock().monotonic(), None

    def _disarm(self) -> None:
        if self._slot is not None:
            self._slot.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None  # the handle holds us: no cycle for the collector

    def set_exactly(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let a timer of the loop ring: the time has nearly come.

        Args:
            loop: The loop of the task.
        """
        self._timer = loop.call_at(self.rings_at, self.ring)

    def ring(self) -> None:
        """Cut the block: the time is over."""
        self.was_cut = True
        self._task.cancel()


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
        loop, time = here()
        DeadlineScope(self.at, time(), loop, self)
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
        if scope.owner is self:
            scope.__exit__(kind, error, traceback)
        else:
            self._leave(scope, kind, error, traceback)

    def _leave(
        self,
        scope: DeadlineScope,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave our block, and first those in it that a generator left open."""
        open_blocks = [scope]
        while scope.owner is not self:
            if scope.outer is None:
                return  # ours was left before, with a block around it
            scope = scope.outer
            open_blocks.append(scope)
        stack = ExitStack()
        for block in reversed(open_blocks):
            stack.push(block)
        stack.__exit__(kind, error, traceback)


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
        scope.end()


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


class Alarms:
    """The alarms of one event loop, in slots of 25 ms.

    Setting and stopping one costs a tenth of a timer of the loop, because it is only
    put into a set and taken out of it. The loop wakes when the earliest slot begins;
    alarms that are still set by then, few, get exact timers. So an alarm never rings
    late because of the slots. Bounded by the alarms that are set and 1,200 slots. Not
    safe to share between threads: it belongs to its loop.
    """

    __slots__ = ("_loop", "_next", "_slots", "_wake")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start with nothing set.

        Args:
            loop: Whose alarms these are.
        """
        self._loop = loop
        self._slots: dict[int, set[DeadlineScope]] = {}
        self._next = 0
        self._wake: asyncio.TimerHandle | None = None

    def slot(self, number: int) -> set[DeadlineScope]:
        """Return where to put what rings in a slot, and to take it out to stop it.

        Args:
            number: The moment it rings, in slots of the loop's time; 0.05 to 30 s from
                now.

        Returns:
            The slot.
        """
        slot = self._slots.get(number)
        return self._new_slot(number) if slot is None else slot

    def _new_slot(self, number: int) -> set[DeadlineScope]:
        slot: set[DeadlineScope] = set()
        self._slots[number] = slot
        if self._wake is None:
            self._wake_at(number)
        elif number < self._next:
            self._wake.cancel()
            self._wake_at(number)
        return slot

    def _wake_at(self, number: int) -> None:
        self._next = number
        self._wake = self._loop.call_at(number * _SLOT_SECONDS, self._begin_slot)

    def _begin_slot(self) -> None:
        """Set exactly what is due, and sleep until the next slot with alarms."""
        due = max(self._next, int(self._loop.time() * _SLOTS_PER_SECOND))
        for number in [n for n, slot in self._slots.items() if n <= due or not slot]:
            for alarm in self._slots.pop(number):
                alarm.set_exactly(self._loop)
        self._wake = None
        if self._slots:
            self._wake_at(min(self._slots))


def alarms_of(loop: asyncio.AbstractEventLoop) -> Alarms:
    """Return the alarms of an event loop.

    Args:
        loop: The loop.

    Returns:
        The alarms; the same for the life of the loop.
    """
    # Kept on the loop itself: they live as long as it does, and no longer.
    kept: Alarms | None = getattr(loop, _KEPT_ON_LOOP, None)
    if kept is None:
        kept = Alarms(loop)
        setattr(loop, _KEPT_ON_LOOP, kept)
    return kept
