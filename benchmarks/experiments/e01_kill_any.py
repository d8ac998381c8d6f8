"""Any process is killed every 300 ms while orders are placed.

Producers, relays and consumers stand for the services of the shop (`tormented.py`);
`replay.py --chaos` kills those of the shop itself.
"""

from experiments.lab import Lab
from experiments.tormented import hold_promise, tormented
from tortured.plan import Wishes

MUTANTS = ("ack-before-effect", "no-inbox")
KILLS, EVERY_SECONDS = 60, 0.3
DRAIN_SECONDS = 5.0


async def run(lab: Lab) -> None:
    """Kill, come to rest, audit."""
    wishes = Wishes(
        events=2_000, kills=KILLS, deaths=("kill",), troubles=0,
        death_seconds=EVERY_SECONDS,
    )  # fmt: skip
    figures = await tormented(lab, "kills", wishes)
    hold_promise(lab, figures)
    deaths = sum(figures.deaths.values())
    raged = figures.seconds - figures.rest_seconds
    lab.check(f"{KILLS} processes die", f"{deaths} in {raged:.1f} s", deaths >= KILLS)
    lab.check(
        f"at rest <= {DRAIN_SECONDS:g} s after the last kill",
        f"{figures.rest_seconds:.1f} s",
        figures.rest_seconds <= DRAIN_SECONDS,
    )
