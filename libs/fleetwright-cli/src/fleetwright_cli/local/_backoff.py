"""Whether and when a process that ended by itself is started again."""

from dataclasses import dataclass, field

WRONG_SETTINGS = 2  # `fleetwright.serve`: wrong arguments or settings
NOT_FOUND = 127  # the leash: no such executable


@dataclass(frozen=True, slots=True)
class Timings:
    """Every span of time of the local run, in seconds, and the counts beside them.

    Attributes:
        start_probe_seconds: Between two looks at `/readyz` while starting.
        ready_probe_seconds: Between two looks at `/readyz` afterwards.
        live_probe_seconds: Between two looks at `/livez`.
        probe_timeout_seconds: Longest wait for one probe.
        start_seconds: Longest start; after that it counts as a failed one.
        first_backoff_seconds: Wait before the first restart; doubles each time.
        longest_backoff_seconds: Longest wait before a restart.
        steady_seconds: Ready for this long, the wait begins anew.
        failed_starts: So many starts in a row without being ready: given up.
        unanswered_probes: So many `/livez` without answer: restarted.
    """

    start_probe_seconds: float = 0.05
    ready_probe_seconds: float = 1.0
    live_probe_seconds: float = 5.0
    probe_timeout_seconds: float = 5.0
    start_seconds: float = 60.0
    first_backoff_seconds: float = 0.5
    longest_backoff_seconds: float = 30.0
    steady_seconds: float = 10.0
    failed_starts: int = 3
    unanswered_probes: int = 3


@dataclass(frozen=True, slots=True)
class Again:
    """Start again after so many seconds."""

    after_seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not start again before somebody asks or a file changes."""

    because: str


@dataclass(slots=True)
class Backoff:
    """Decide about restarts; used by the task of one process only.

    Attributes:
        timings: The waits and counts.
    """

    timings: Timings
    _next_seconds: float = field(init=False, default=0.0)
    _failed_starts: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Begin with the shortest wait."""
        self.reset()

    def reset(self) -> None:
        """Forget what happened: somebody asked for a start, or it ran steadily."""
        self._next_seconds = self.timings.first_backoff_seconds
        self._failed_starts = 0

    def ended(
        self, *, exit_code: int | None, ready_for_seconds: float | None
    ) -> Again | GiveUp:
        """Say what follows an end nobody asked for.

        Args:
            exit_code: How it ended; None when it could not even be started.
            ready_for_seconds: How long it had been ready; None when it never was.

        Returns:
            When to start again, or why not to.
        """
        if ready_for_seconds is None:
            self._failed_starts += 1
            if exit_code in {WRONG_SETTINGS, NOT_FOUND}:
                return GiveUp("it would end the same way again")
            if self._failed_starts >= self.timings.failed_starts:
                return GiveUp(f"{self._failed_starts} failed starts in a row")
        else:
            self._failed_starts = 0
            if ready_for_seconds >= self.timings.steady_seconds:
                self.reset()
        wait = self._next_seconds
        self._next_seconds = min(wait * 2, self.timings.longest_backoff_seconds)
        return Again(wait)
