"""Checks of the parts: run together, bounded in time, remembered for a moment."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from fleetwright._clock import clock
from fleetwright._part import method_of, name_of
from fleetwright._secrets import mask

_CHECK_SECONDS = 2.0
_REMEMBERED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """What the checks found.

    Attributes:
        parts: Each checked part and `ok`, or what is wrong with it.
        at: When, in seconds of `Clock.monotonic()`.
    """

    parts: dict[str, str]
    at: float

    @property
    def ready(self) -> bool:
        """Whether no part is wrong."""
        return all(finding == "ok" for finding in self.parts.values())


class Health:
    """The health of one service's parts.

    Bounded: however often it is asked, every part is checked at most once a second,
    by one check at a time, which is given up after two seconds. Safe to call from
    several tasks.
    """

    def __init__(
        self,
        *,
        check_seconds: float = _CHECK_SECONDS,
        remembered_seconds: float = _REMEMBERED_SECONDS,
    ) -> None:
        """Start without a report.

        Args:
            check_seconds: Longest time for one part's check.
            remembered_seconds: How long a report is given out again.
        """
        self._check_seconds = check_seconds
        self._remembered_seconds = remembered_seconds
        self._report: Report | None = None
        self._running: asyncio.Task[Report] | None = None

    async def report(self, parts: Sequence[object]) -> Report:
        """Return what the checks of the parts find.

        Args:
            parts: The parts of the service; those without `check` are left out.

        Returns:
            A report that is at most a second old.
        """
        last = self._report
        if last is not None and clock().monotonic() - last.at < (
            self._remembered_seconds
        ):
            return last
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._checked(parts))
        # shield(): a probe that hangs up must not cancel the check others wait for.
        return await asyncio.shield(self._running)

    async def _checked(self, parts: Sequence[object]) -> Report:
        checked = [part for part in parts if method_of(part, "check") is not None]
        found = await asyncio.gather(*(self._check(part) for part in checked))
        names = [name_of(part) for part in checked]
        report = Report(dict(zip(names, found, strict=True)), clock().monotonic())
        self._report = report
        return report

    async def _check(self, part: object) -> str:
        checking = method_of(part, "check")
        try:
            async with asyncio.timeout(self._check_seconds):
                if checking is not None:
                    await checking()
        except TimeoutError:
            return f"no answer within {self._check_seconds:g} seconds"
        except Exception as error:  # whatever a check raises is its finding
            return mask(f"{type(error).__name__}: {error}".splitlines()[0])
        return "ok"
