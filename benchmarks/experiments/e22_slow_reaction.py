"""A reaction takes three times as long as a lease: nobody else takes its lane."""

from experiments.lab import Lab
from experiments.tormented import hold_promise, tormented
from tortured.plan import LEASE_SECONDS, Wishes

MUTANTS = ("no-heartbeat",)


async def run(lab: Lab) -> None:
    """Let a few reactions take long, come to rest, audit."""
    wishes = Wishes(
        events=120,
        kills=0,
        troubles=0,
        ahead=120,
        fails_share=0.0,
        slow_share=0.02,
        slow_seconds=3 * LEASE_SECONDS,
    )
    figures = await tormented(lab, "slow", wishes)
    hold_promise(lab, figures)
    counts = figures.counts
    lab.note("reactions", counts["handled"])
    lab.check("no lane is taken away", counts["fenced"], counts["fenced"] == 0)
    again = counts["duplicate"]
    lab.check("nothing is delivered again", again, again == 0)
