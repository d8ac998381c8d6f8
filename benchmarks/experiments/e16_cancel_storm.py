"""Of the clients 30 % hang up at random: nothing leaks, nothing is half done."""

import asyncio
from contextlib import suppress

from experiments.calling import Http, open_loop
from experiments.lab import Lab

MUTANTS = ("leaks_permits", "keeps_places", "commits_halves")
RATE = 50.0
SECONDS = 8.0
GONE_SHARE = 0.3
GONE_SECONDS = 0.12
TASKS_MORE = 5


async def run(lab: Lab) -> None:
    """Hang up on a service that calls another and keeps rows, then look at its rest."""
    leaf = await lab.serve("create_leaf", WORK_SECONDS="0.05")
    keeper = await lab.serve("experiments.keeper:create_keeper", LEAF_URL=leaf.url)
    hung_up = 0
    acknowledged: list[str] = []
    async with Http() as http:
        await http.status(f"{keeper.url}/v1/pairs/first")
        baseline = await http.get(f"{keeper.url}/at-rest")
        number = 0

        async def call() -> int:
            nonlocal hung_up, number
            number += 1
            pair, url = f"p{number}", f"{keeper.url}/v1/pairs/p{number}"
            if lab.random.random() >= GONE_SHARE:
                status = await http.status(url)
                if status == 200:
                    acknowledged.append(pair)
                return status
            hung_up += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(lab.random.uniform(0, GONE_SECONDS)):
                    await http.status(url)
            return 200

        made = await open_loop(RATE, SECONDS, call, lab.random)
        await asyncio.sleep(2.0)
        rest = await http.get(f"{keeper.url}/at-rest")
    lab.history.note(baseline=baseline, rest=rest, hung_up=hung_up)
    lab.note("calls, of which hung up", f"{len(made)}, {hung_up}")
    for name in ("in_flight", "admitted", "used", "waiting"):
        lab.check(f"at rest {name} = 0", rest[name], rest[name] == 0)
    more = rest["tasks"] - baseline["tasks"]
    lab.check(f"tasks = baseline +- {TASKS_MORE}", f"{more:+d}",
              abs(more) <= TASKS_MORE)  # fmt: skip
    lab.check("no effect is half done", rest["odd"], rest["odd"] == 0)
    lost = len(acknowledged) - rest["pairs"]
    lab.check("every acknowledged effect is kept",
              f"{rest['pairs']} kept, {len(acknowledged)} acknowledged",
              lost <= 0)  # fmt: skip
    gone = len(keeper.told("call.answered", outcome="gone"))
    lab.check("the service noticed who had gone", gone, gone > 0)
