"""Relays and consumers are paused for 3.5 s, beyond their lease of 2 s."""

from experiments.lab import Lab
from experiments.tormented import hold_promise, tormented
from tortured.plan import Wishes

MUTANTS = ("no-fence", "no-inbox")
PAUSES = 24


async def run(lab: Lab) -> None:
    """Pause, come to rest, audit; who was paused was shut out."""
    wishes = Wishes(
        events=2_500,
        kills=0,
        troubles=PAUSES,
        trouble_kinds=("stop",),
        ahead=600,  # so that whoever is paused has work in hand
    )
    figures = await tormented(lab, "pauses", wishes)
    hold_promise(lab, figures)
    pauses = sum(figures.troubles.values())
    lab.check(f"{PAUSES} are paused", pauses, pauses >= PAUSES)
    fenced = figures.counts["fenced"]
    lab.check("work of paused consumers is shut out, > 0 times", fenced, fenced > 0)
