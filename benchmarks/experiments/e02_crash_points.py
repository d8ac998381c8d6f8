"""Processes die at every named place between two durable steps.

Instead of at every passing with a chance of 0.4 %, the next to die dies at the place
where fewest have died: each place is hit in seconds, the rare ones too.
"""

from experiments.lab import Lab
from experiments.tormented import hold_promise, tormented
from tortured.plan import Wishes, crash_points

MUTANTS = (
    "no-inbox",
    "ack-before-effect",
    "retry-without-parking",
    "delete-before-publish",
    "dual-write",
)
HITS = 3


async def run(lab: Lab) -> None:
    """Have each place hit three times, come to rest, audit."""
    points = crash_points("embedded")
    wishes = Wishes(
        events=3_500,
        kills=HITS * len(points) + 14,
        deaths=("point",),
        troubles=0,
        fails_share=0.06,
    )
    figures = await tormented(lab, "points", wishes)
    hold_promise(lab, figures)
    hits = {point: figures.deaths.get(f"point {point}", 0) for point in points}
    fewest = min(hits, key=hits.__getitem__)
    lab.check(
        f"each of {len(points)} places is hit >= {HITS} times",
        f"{sum(hits.values())} hits, fewest at {fewest}: {hits[fewest]}",
        hits[fewest] >= HITS,
    )
