"""The leaf of a chain of three at 70 % load gets 8 times slower for a while.

12 s instead of 20: long enough for a queue that an unguarded fleet never works off.
"""

import asyncio

from experiments.calling import Http, open_loop
from experiments.chain import chain
from experiments.lab import Lab

MUTANTS = ("never_opens+no_budget+works_for_nobody",)
WORKERS = 5
WORK_SECONDS = 0.1
RATE = 0.7 * WORKERS / WORK_SECONDS
SLOW_SECONDS = 12.0
BACK_SECONDS = 10.0


async def run(lab: Lab) -> None:
    """Load the chain, slow its leaf down, heal it, and see goodput come back."""
    tiers = await chain(lab, WORKERS=str(WORKERS), WORK_SECONDS=str(WORK_SECONDS))
    async with Http() as http:

        async def call() -> int:
            return await http.status(f"{tiers.edge.url}/v1/thing")

        async def slow_down() -> None:
            await asyncio.sleep(3.0)
            slow = {"work_seconds": 8 * WORK_SECONDS}
            await http.post(f"{tiers.leaf.url}/control", slow)
            await asyncio.sleep(SLOW_SECONDS)
            well = {"work_seconds": WORK_SECONDS}
            await http.post(f"{tiers.leaf.url}/control", well)

        healed_at = 3.0 + SLOW_SECONDS
        slowing = asyncio.create_task(slow_down())
        made = await open_loop(RATE, healed_at + BACK_SECONDS + 4.0, call, lab.random)
        await slowing
    for one in made:
        lab.history.note(began=one.began, outcome=one.outcome)
    told = lab.history.read()

    def goodput(first: float, last: float) -> float:
        """Return the share of good answers to calls begun in a span of time."""
        calls = [one for one in told if first <= one["began"] < last]
        good = [one for one in calls if one["outcome"] == "ok"]
        return len(good) / max(1, len(calls))

    before = goodput(1.0, 3.0)
    lab.check("before: goodput >= 99 %", f"{before:.1%}", before >= 0.99)
    lab.note("while slow: goodput", f"{goodput(4.0, healed_at):.1%}")
    after = goodput(healed_at + BACK_SECONDS, healed_at + BACK_SECONDS + 4.0)
    lab.check("10 s after: goodput >= 95 %", f"{after:.1%}", after >= 0.95)
    seconds = next(
        (s for s in range(int(BACK_SECONDS) + 3)
         if goodput(healed_at + s, healed_at + s + 1) >= 0.95),
        None,
    )  # fmt: skip
    lab.note("first good second after", seconds)
