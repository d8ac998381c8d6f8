"""Payments fails under a desk that takes orders: the breaker opens, probes, closes.

9 s instead of 60: the times a circuit stays open double, and only one is waited for.
"""

import asyncio
import time
from datetime import datetime
from typing import Any

from experiments.calling import Http, open_loop
from experiments.lab import Lab

MUTANTS = ("never_opens", "lets_every_probe_through")
RATE = 20.0
DOWN_SECONDS = 9.0
CLOSES_SECONDS = 15.0


async def run(lab: Lab) -> None:
    """Fail every charge after 0.3 s, heal, and read the breaker's own log."""
    payments = await lab.serve("create_leaf")
    desk = await lab.serve("create_desk", PAYMENTS_URL=payments.url)
    async with Http() as http:

        async def order() -> int:
            return await http.status(f"{desk.url}/v1/order")

        down = {"status": 503, "work_seconds": 0.3}
        await http.post(f"{payments.url}/control", down)
        went_down = time.time()
        work = asyncio.create_task(
            open_loop(RATE, DOWN_SECONDS + CLOSES_SECONDS + 1.0, order)
        )
        await asyncio.sleep(2.5)
        # Those sent before it opened have come back by now.
        await http.get(f"{payments.url}/seen?forget=true")
        await asyncio.sleep(DOWN_SECONDS - 2.5)
        at_once = (await http.get(f"{payments.url}/seen"))["most_at_once"]
        await http.post(f"{payments.url}/control", {})
        healed = time.time()
        made = await work
    changes = desk.told("breaker.changed")
    for line in changes:
        lab.history.note(at=_seconds(line), to=line["to_state"])
    told = lab.history.read()
    opened = [one["at"] - went_down for one in told if one["to"] == "open"]
    closed = [one["at"] - healed for one in told if one["to"] == "closed"]
    lab.check(
        f"it opens <= 2 s at {RATE:g} calls/s",
        f"{opened[0]:.2f} s" if opened else "never",
        bool(opened) and opened[0] <= 2.0,
    )
    lab.check("probes at a time <= 1", at_once, at_once == 1)
    lab.check(
        f"it closes <= {CLOSES_SECONDS:g} s after healing",
        f"{closed[-1]:.2f} s" if closed else "never",
        bool(closed) and 0 < closed[-1] <= CLOSES_SECONDS,
    )
    refused = sum(one.outcome != "ok" for one in made)
    lab.check("orders are accepted, all", f"{len(made) - refused} of {len(made)}",
              refused == 0)  # fmt: skip


def _seconds(line: dict[str, Any]) -> float:
    """Return when a line was written, in seconds since 1970."""
    return datetime.fromisoformat(line["time"]).timestamp()
