"""Answers remembered for when there is no new one (stale-if-error, RFC 5861)."""

import math
import threading
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, ParamSpec, TypeVar

from fleetwright._clock import clock
from fleetwright._context import note_degraded
from fleetwright.errors import DeclarationError, Unavailable
from fleetwright.resilience._events import FellBack, Listener, report

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
P = ParamSpec("P")

_PASSING = frozenset(("connect", "timeout", "deadline", "reset", "rejected"))


class StaleIfError(Generic[K, V]):
    """The last answers of a provider, given again while it has no new ones.

    Only for a provider that cannot answer: rejections, deadlines, transport failures
    and 5xx; never for a refusal, an answer that does not fit, or a mistake of ours. The
    call being answered is marked, so that its answer says `Fleet-Degraded: <name>`.
    Bounded by `most` answers, the ones unused for longest forgotten first. Safe to
    share between tasks and threads.

    Attributes:
        name: What is remembered, for logs, metrics and the header.
    """

    def __init__(
        self,
        name: str,
        *,
        seconds: float = 3600.0,
        most: int = 1024,
        listener: Listener | None = None,
    ) -> None:
        """Remember nothing yet.

        Args:
            name: What is remembered, for example "prices": letters, digits, `.`, `_`
                and `-`.
            seconds: How old an answer may be, in seconds; above 0.
            most: How many answers are kept; 1 or more.
            listener: Told when a remembered answer is given.

        Raises:
            DeclarationError: The name cannot stand in a header, or a number is out of
                its range.
        """
        plain = name.replace("-", "").replace("_", "").replace(".", "")
        if not (plain.isascii() and plain.isalnum()):
            raise DeclarationError(
                f"{name!r} cannot stand in a header",
                hint='use letters, digits, ".", "_" and "-", for example "prices"',
            )
        if not 0 < seconds < math.inf or most < 1:
            raise DeclarationError(
                f"StaleIfError(seconds={seconds}, most={most}) is out of range",
                hint="use seconds > 0 and most >= 1",
            )
        self.name = name
        self._seconds, self._most = seconds, most
        self._listener = listener
        self._kept: dict[K, tuple[float, V]] = {}
        self._lock = threading.Lock()

    def keep(self, key: K, answer: V) -> None:
        """Remember an answer.

        Args:
            key: What was asked.
            answer: What was answered.
        """
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (clock().monotonic(), answer)
            if len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]

    def instead_of(self, error: Unavailable, key: K) -> V:
        """Return the remembered answer, for an `except Unavailable`.

        Args:
            error: Why there is no new one.
            key: What was asked.

        Returns:
            The answer.

        Raises:
            Unavailable: `error`, when no answer is remembered that is young enough, or
                when a remembered one would hide a mistake.
        """
        now = clock().monotonic()
        with self._lock:
            kept = self._kept.pop(key, None)
            if kept is None or not 0 <= now - kept[0] <= self._seconds:
                raise error
            self._kept[key] = kept
        if not _is_outage(error):
            raise error
        age = round(now - kept[0], 3)
        note_degraded(self.name)
        report(FellBack(self.name, age, error.reason), self._listener)
        return kept[1]

    async def run(
        self,
        key: K,
        function: Callable[P, Awaitable[V]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> V:
        """Call a function, remembering its answers; give an old one when it fails.

        Args:
            key: What is asked.
            function: What to call, for example a method of a typed client.
            *args: For the function.
            **kwargs: For the function.

        Returns:
            The new answer, else the remembered one.

        Raises:
            Unavailable: There is neither.
        """
        try:
            answer = await function(*args, **kwargs)
        except Unavailable as error:
            return self.instead_of(error, key)
        self.keep(key, answer)
        return answer


def _is_outage(error: Unavailable) -> bool:
    if error.reason == "status":
        return error.status is None or error.status >= 500
    return error.reason in _PASSING
