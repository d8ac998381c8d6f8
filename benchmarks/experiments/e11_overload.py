"""A service gets 2, 4 and 7 times the calls it can answer, and goes on answering.

Calls of 12 ms CPU and 20 ms waiting, so that one generator is enough for 7 times.
"""

import asyncio
import time
from collections import Counter

from experiments.calling import Called, Http, open_loop, timed
from experiments.lab import Lab, percentile

MUTANTS = ("admits_everybody",)
TIMES = (2, 4, 7)
SECONDS = 6.0
CPU_SECONDS = 0.012
LIMIT_SECONDS = 0.5
PLACES = 5
PATIENT_SECONDS = 5.0


async def run(lab: Lab) -> None:
    """Measure what it can do, then offer more."""
    echo = await lab.serve("create_echo", MAX_IN_FLIGHT=str(PLACES))
    url = f"{echo.url}/v1/busy?seconds={CPU_SECONDS}"
    async with Http(seconds=LIMIT_SECONDS) as http:

        async def call() -> int:
            return await http.status(url)

        await most(url, PLACES, 1.0)
        one = await most(url, PLACES, SECONDS)
        lab.note("good answers a second at 1x", f"{one:.0f}")
        for times in TIMES:
            made = await open_loop(times * one, SECONDS, call, lab.random)
            again = await most(
                url, PLACES, 2.0
            )  # what the machine gives changes meanwhile
            _hold(lab, f"{times}x", made, min(one, again))


async def most(url: str, places: int, seconds: float) -> float:
    """Return how many good answers a second a few patient clients get.

    Args:
        url: What they ask for, one after the other each.
        places: How many calls the service answers at a time; as many clients.
        seconds: How long to look.
    """
    ends = time.monotonic() + seconds
    good = 0
    async with Http(seconds=PATIENT_SECONDS) as http:

        async def client() -> None:
            nonlocal good
            while time.monotonic() < ends:
                made = await timed(lambda: http.status(url))
                good += made.outcome == "ok"

        await asyncio.gather(*(client() for _ in range(places - 1)))
    return good / seconds


def _hold(lab: Lab, name: str, made: list[Called], one: float) -> None:
    outcomes = Counter(it.outcome for it in made)
    lab.history.note(offered=name, outcomes=dict(outcomes), one=one)
    good = outcomes["ok"] / SECONDS
    lab.check(
        f"{name}: goodput >= 90 % of that at 1x",
        f"{good:.0f}/s, {good / one:.0%}",
        good >= 0.9 * one,
    )
    late = len(made) - outcomes["ok"] - outcomes["503"]
    lab.check(
        f"{name}: late <= 2 %", f"{late} of {len(made)}", late <= 0.02 * len(made)
    )
    p99 = percentile([it.seconds for it in made if it.outcome == "ok"], 0.99)
    lab.check(f"{name}: p99 of the good <= 250 ms", f"{1000 * p99:.0f} ms", p99 <= 0.25)
