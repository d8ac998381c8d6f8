"""Every message is delivered three times: effects once, at a fair speed."""

from experiments.lab import Lab
from experiments.tormented import hold_promise, tormented
from tortured.plan import GROUPS, Wishes

MUTANTS = ("no-inbox",)
DELIVERIES = 3
SHARE = 0.4


async def run(lab: Lab) -> None:
    """Compare the speed of a normal run with one of three deliveries each."""
    rates = []
    for deliveries in (1, DELIVERIES):
        wishes = Wishes(
            events=2_000, kills=0, troubles=0, ahead=2_000, deliveries=deliveries
        )
        figures = await tormented(lab, f"deliveries-{deliveries}", wishes)
        hold_promise(lab, figures)
        rates.append(figures.events / figures.seconds)
    suppressed, least = figures.counts["duplicate"], figures.events * len(GROUPS)
    lab.check(f"duplicates are suppressed, > {least}", suppressed, suppressed > least)
    share = rates[1] / rates[0]
    lab.check(
        f"throughput >= {SHARE:.0%} of normal",
        f"{share:.0%} ({rates[0]:.0f}/s, {rates[1]:.0f}/s)",
        share >= SHARE or lab.mutant is not None,
    )
