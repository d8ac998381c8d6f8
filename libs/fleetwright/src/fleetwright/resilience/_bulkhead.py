"""How many calls a provider may hold at a time, and who waits for a place."""

import asyncio
import math
import threading
from collections import deque
from typing import Protocol

from fleetwright.errors import DeclarationError
from fleetwright.resilience._policy import Policy, Rejection

FULL = Rejection("bulkhead", "has no place free, and the line for one is full")


class Waiter(Protocol):
    """Somebody in the line for a place.

    Attributes:
        has_place: Whether a place was handed over; set by the bulkhead in its lock.
    """

    has_place: bool

    def wake(self) -> bool:
        """Go on; False when there is nobody any more who could."""
        ...


class TaskWaiter:
    """A task in the line.

    Attributes:
        has_place: Whether a place was handed over.
        woken: Done when there is a place.
    """

    __slots__ = ("_loop", "has_place", "woken")

    def __init__(self) -> None:
        """Wait on the running loop."""
        self._loop = asyncio.get_running_loop()
        self.woken: asyncio.Future[None] = self._loop.create_future()
        self.has_place = False

    def wake(self) -> bool:
        """Let the task go on, from any thread; False when its loop is closed."""
        if asyncio._get_running_loop() is self._loop:
            self._resolve()
            return True
        try:
            self._loop.call_soon_threadsafe(self._resolve)
        except RuntimeError:
            return False
        return True

    def _resolve(self) -> None:
        if not self.woken.done():
            self.woken.set_result(None)


class ThreadWaiter:
    """A thread in the line.

    Attributes:
        has_place: Whether a place was handed over.
        woken: Set when there is a place.
    """

    __slots__ = ("has_place", "woken")

    def __init__(self) -> None:
        """Start without a place."""
        self.woken = threading.Event()
        self.has_place = False

    def wake(self) -> bool:
        """Let the thread go on."""
        self.woken.set()
        return True


class Bulkhead(Policy):
    """Limits how many attempts are under way at a time.

    So a provider that hangs holds a bounded part of the service. Bounded by `places`
    attempts and `waiting` waiters, served in the order they came. A place that is given
    back goes to the first waiter in the same tick; one who was cancelled in that very
    tick passes it on, so that no place is ever lost. Safe to share between tasks and
    threads; never waits itself.

    Attributes:
        places: Attempts at a time.
        waiting: How many may wait for a place.
        wait_seconds: How long each may wait, in seconds.
    """

    __slots__ = ("_free", "_line", "_lock", "places", "wait_seconds", "waiting")

    def __init__(
        self, places: int = 32, *, waiting: int = 16, wait_seconds: float = 0.1
    ) -> None:
        """Start with every place free.

        Args:
            places: Attempts at a time; 1 or more.
            waiting: How many may wait for a place; 0 or more.
            wait_seconds: How long each may wait, in seconds; above 0.

        Raises:
            DeclarationError: A number is out of its range.
        """
        super().__init__()
        if places < 1 or waiting < 0 or not 0 < wait_seconds < math.inf:
            raise DeclarationError(
                f"Bulkhead({places}, waiting={waiting}, wait_seconds={wait_seconds})"
                " is out of range",
                hint="use places >= 1, waiting >= 0 and wait_seconds > 0, for example"
                " Bulkhead(32, waiting=16)",
            )
        self.places, self.waiting, self.wait_seconds = places, waiting, wait_seconds
        # One entry for each free place. Taking one and putting one back are atomic, so
        # that the common case needs no lock; whoever finds none uses the lock.
        self._free: deque[None] = deque([None] * places)
        self._line: deque[Waiter] = deque()
        self._lock = threading.Lock()

    def enter(self) -> bool:
        """Take a place if one is free.

        Returns:
            True if it is taken; it must be given back by `leave`.
        """
        try:
            self._free.pop()
        except IndexError:
            return False
        return True

    def stand_in_line(self, waiter: Waiter) -> bool:
        """Wait for a place.

        Args:
            waiter: Is woken when it has one, perhaps at once.

        Returns:
            False if the line is full; then there is nothing to wait for.
        """
        with self._lock:
            if len(self._line) >= self.waiting:
                return False
            self._line.append(waiter)
        # A place that was given back before we stood in line woke nobody.
        self._hand_over()
        return True

    def give_up(self, waiter: Waiter) -> None:
        """Leave the line; a place that was handed over meanwhile is passed on.

        Args:
            waiter: Who no longer waits.
        """
        with self._lock:
            if not waiter.has_place:
                self._line.remove(waiter)
                return
        self.leave()

    def leave(self) -> None:
        """Give a place back."""
        self._free.append(None)
        if self._line:
            self._hand_over()

    def _hand_over(self) -> None:
        """Give free places to the first in line, in this tick."""
        while True:
            with self._lock:
                if not self._line or not self.enter():
                    return
                waiter = self._line.popleft()
                waiter.has_place = True
            if not waiter.wake():
                self._free.append(None)

    def facts(self) -> dict[str, object]:
        """Return what /info shows: places, and how many are used and waited for."""
        with self._lock:
            return {
                "places": self.places,
                "used": self.places - len(self._free),
                "waiting": len(self._line),
            }
