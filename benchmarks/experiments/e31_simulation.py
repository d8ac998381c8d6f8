"""Five hundred simulated stories of one pipeline, 16 virtual seconds each.

The stories, the adversary, the ten invariants and the mistakes put in are those of
`fuzz_pipeline.py`. The machines of events (relay, consumer) are not simulated here:
real processes are killed at every crash point of theirs instead, see
`libs/fleetwright/tests/integration/test_event_survival.py`.
"""

import asyncio
import time
from collections import Counter

from experiments.lab import Lab
from fuzz_pipeline import INVARIANTS, played
from pipeline_mutants import MUTANTS as MISTAKES

MUTANTS = tuple(sorted(MISTAKES))
STORIES = 500
STORIES_OF_A_MUTANT = 60
LONGEST_SECONDS = 60.0


async def run(lab: Lab) -> None:
    """Play the stories one after the other."""
    count = STORIES if lab.mutant is None else STORIES_OF_A_MUTANT
    began = time.monotonic()
    await asyncio.to_thread(_play, lab, count)
    took = time.monotonic() - began
    violated = Counter(
        name for story in lab.history.read() for name in story["violated"]
    )
    lab.check(f"violations in {count} stories", dict(violated) or 0, not violated)
    for name, times in violated.items():
        lab.check(INVARIANTS[name], f"violated in {times}", False)
    calls = sum(story["calls"] for story in lab.history.read())
    lab.check(
        f"{calls} calls are played <= {LONGEST_SECONDS:g} s",
        f"{took:.1f} s",
        took <= LONGEST_SECONDS or lab.mutant is not None,
    )


def _play(lab: Lab, count: int) -> None:
    """Play in a thread: each story has a loop of its own."""
    for seed in range(lab.seed, lab.seed + count):
        story = played(seed, lab.mutant)
        lab.history.note(
            seed=seed, violated=sorted(story.violated), calls=len(story.budget.calls)
        )
