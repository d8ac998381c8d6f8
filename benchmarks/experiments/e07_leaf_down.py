"""The leaf of a chain of three answers 503: no storm reaches it, the edge answers fast.

The outage is 12 s instead of 30: the breakers open within the first one.
"""

import asyncio

from experiments.calling import Http, open_loop
from experiments.chain import Chain, chain
from experiments.lab import Lab, percentile

MUTANTS = ("never_opens", "never_opens+no_budget")
RATE = 40.0
SECONDS = 12.0
OPEN_SECONDS = 2.0  # by then the breakers have seen enough
PROBES = 12


async def run(lab: Lab) -> None:
    """Count what reaches the leaf for each call at the edge while it is down."""
    tiers = await chain(lab)
    async with Http() as http:

        async def call() -> int:
            return await http.status(f"{tiers.edge.url}/v1/thing")

        well = await open_loop(RATE, 2.0, call)
        await http.post(f"{tiers.leaf.url}/control", {"status": 503})
        await http.get(f"{tiers.leaf.url}/seen?forget=true")
        outage = asyncio.create_task(open_loop(RATE, SECONDS, call, lab.random))
        await asyncio.sleep(OPEN_SECONDS)
        early = (await http.get(f"{tiers.leaf.url}/seen"))["arrived"]
        made = await outage
        sends = (await http.get(f"{tiers.leaf.url}/seen"))["arrived"]
    for one in made:
        lab.history.note(began=one.began, seconds=one.seconds, outcome=one.outcome)
    told = lab.history.read()
    failed = sum(one.outcome != "ok" for one in well)
    lab.check("before the outage no call fails", failed, failed == 0)
    share = sends / len(told)
    lab.check("sends to the leaf per call at the edge <= 1.4", f"{share:.2f}",
              share <= 1.4)  # fmt: skip
    lab.check(
        f"once open only probes reach the leaf (<= {PROBES} in 10 s)",
        sends - early,
        sends - early <= PROBES,
    )
    late = [one["seconds"] for one in told if one["began"] >= OPEN_SECONDS]
    slow = percentile(late, 0.99)
    lab.check("once open, p99 at the edge <= 100 ms", f"{1000 * slow:.0f} ms",
              slow <= 0.1)  # fmt: skip
    _note_opened(lab, tiers)


def _note_opened(lab: Lab, tiers: Chain) -> None:
    for name, tier in (("middle", tiers.middle), ("edge", tiers.edge)):
        opened = len(tier.told("breaker.changed", to_state="open"))
        lab.note(f"times the breaker of the {name} opened", opened)
