"""Checks of the parts: run together, bounded in time, remembered for a moment."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import structlog
from opentelemetry import metrics

from fleetwright._clock import clock
from fleetwright._part import is_essential, method_of, name_of
from fleetwright._secrets import mask

_CHECK_SECONDS = 2.0
_REMEMBERED_SECONDS = 1.0
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")
_parts = metrics.get_meter("fleetwright").create_gauge(
    "fleetwright.service.parts",
    unit="{part}",
    description="Parts of the service, by what their checks found.",
)


class Status(StrEnum):
    """How well a part is, or the service as a whole."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Report:
    """What the checks found.

    Attributes:
        parts: Each checked part and `ok`, or what is wrong with it.
        at: When, in seconds of `Clock.monotonic()`.
        spared: Which of the parts the service does its work without.
    """

    parts: dict[str, str]
    at: float
    spared: frozenset[str] = field(default_factory=frozenset)

    @property
    def failing(self) -> dict[str, str]:
        """The parts that are not well, and what is wrong with them."""
        return {name: found for name, found in self.parts.items() if found != "ok"}

    @property
    def status(self) -> Status:
        """`ok`; `degraded` when only parts are wrong that can be spared; else `down`.

        A service that is degraded still does its work.
        """
        failing = self.failing
        if not failing:
            return Status.OK
        return Status.DEGRADED if self.spared.issuperset(failing) else Status.DOWN

    @property
    def ready(self) -> bool:
        """Whether the service does its work: no part is wrong that it cannot spare."""
        return self.status is not Status.DOWN


class Health:
    """The health of one service's parts.

    Bounded: however often it is asked, every part is checked at most once a second,
    by one check at a time, which is given up after two seconds. A change is logged
    once, whoever asks. Safe to call from several tasks.
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
        self._failing: frozenset[str] = frozenset()
        self._failing_since = 0.0

    @property
    def last(self) -> Report | None:
        """What was found last; None before anybody asked."""
        return self._report

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
        findings = dict(zip(map(name_of, checked), found, strict=True))
        spared = frozenset(name_of(part) for part in checked if not is_essential(part))
        report = Report(findings, clock().monotonic(), spared)
        self._tell(report)
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

    def _tell(self, report: Report) -> None:
        """Count the parts; log it when other parts are wrong than before."""
        for status, count in _counts(report).items():
            _parts.set(count, {"status": str(status)})
        failing = report.failing
        if self._failing == failing.keys():
            return
        if not self._failing:
            self._failing_since = report.at
        self._failing = frozenset(failing)
        if report.status is Status.OK:
            after = round(report.at - self._failing_since, 3)
            _log.info("service.recovered", after_seconds=after)
        elif report.status is Status.DEGRADED:
            _log.warning("service.degraded", parts=failing)
        else:
            _log.error("service.failed", parts=failing)


def _counts(report: Report) -> Mapping[Status, int]:
    """Return how many parts are in each status."""
    failing = report.failing.keys()
    return {
        Status.OK: len(report.parts) - len(failing),
        Status.DEGRADED: len(failing & report.spared),
        Status.DOWN: len(failing - report.spared),
    }
