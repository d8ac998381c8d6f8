"""What the figures are held against: ours beside the peers', and two of their own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from event_rates import plan
from event_rates.runs import Rates

_RATIOS: tuple[tuple[str, str, float | None], ...] = (
    (plan.OURS, plan.BY_HAND, 1.5),
    (plan.OURS, plan.BY_HAND_UNORDERED, None),
    (plan.OURS_TOGETHER, plan.BY_HAND_TOGETHER, None),
    (plan.OURS, plan.PLAIN, 0.5),
    (plan.OUR_RELAY, plan.PUBLISHING, 1.0),
)
_EMBEDDED_PER_SECOND = 3000.0
_EMBEDDED_IDLE_P50_MS = 5.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure and its budget.

    Attributes:
        what: What is compared.
        value: What came out.
        budget: What should; empty where nothing is demanded.
        met: Whether it did; None where nothing is demanded.
        cpu: Ours through theirs, of the processor time an event takes; None where
            there is nobody beside us.
    """

    what: str
    value: float
    budget: str = ""
    met: bool | None = None
    cpu: float | None = None

    def __str__(self) -> str:
        """Return it as a line."""
        said = f"{self.what:<48} {self.value:>8,.2f}"
        if self.budget:
            said += f"  budget {self.budget}: {'met' if self.met else 'missed'}"
        if self.cpu is not None:
            said += f"  ({self.cpu:.2f} of the CPU)"
        return said


def verdicts(broker: str, figures: Mapping[str, Rates]) -> Iterator[Verdict]:
    """Yield what can be said; a run that is broken or was not made says nothing.

    Args:
        broker: Which: `embedded`, `rabbit` or `kafka`.
        figures: Rates by the names of the runs.
    """
    for ours, theirs, least in _RATIOS:
        if ours in figures and theirs in figures:
            value = figures[ours].per_second / figures[theirs].per_second
            yield Verdict(
                f"{ours} / {theirs}",
                value,
                "" if least is None else f">= {least:g}",
                None if least is None else value >= least,
                figures[ours].cpu_us / figures[theirs].cpu_us,
            )
    if broker != "embedded":
        return
    if plan.OURS in figures:
        value = figures[plan.OURS].per_second
        met = value >= _EMBEDDED_PER_SECOND
        yield Verdict("events a second", value, f">= {_EMBEDDED_PER_SECOND:,.0f}", met)
    idle = figures.get(plan.OURS_IDLE)
    if idle is not None and idle.p50_ms is not None:
        met = idle.p50_ms < _EMBEDDED_IDLE_P50_MS
        budget = f"< {_EMBEDDED_IDLE_P50_MS:g} ms"
        yield Verdict("p50 of an event, idle, ms", idle.p50_ms, budget, met)
