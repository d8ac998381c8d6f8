"""The wall clock of one service jumps an hour ahead, then two hours back.

A caller of a leaf runs under libfaketime, which moves its wall clock and leaves its
monotonic one; where that library is missing, `time.time` is moved instead.
"""

import asyncio
import os
from pathlib import Path

from experiments.calling import Called, Http, open_loop
from experiments.lab import Lab

MUTANTS = ("lives_by_the_wall_clock",)
HOUR = 3600
RATE = 40.0
LIBRARIES = ("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
             "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1")  # fmt: skip


async def run(lab: Lab) -> None:
    """Call at a steady rate over both steps; nothing may notice but the log's times."""
    leaf = await lab.serve("create_leaf", WORK_SECONDS="0.02")
    step = Path(lab.folder / "step")
    step.write_text("+0\n")
    library = next((it for it in LIBRARIES if os.path.exists(it)), None)
    environment = {"TIER": "edge", "NEXT": "leaf", "LEAF_URL": leaf.url}
    if library is None:
        environment |= {"STEPPED_CLOCK": str(step)}
    else:
        environment |= {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(step),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    edge = await lab.serve("create_stepped_tier", **environment)
    made: dict[str, list[Called]] = {}
    seen: dict[str, float] = {}
    async with Http() as http:
        for name, moved in (("in time", 0), ("+1 h", HOUR), ("-1 h", -HOUR)):
            step.write_text(f"{moved:+d}\n")

            async def call() -> int:
                return await http.status(f"{edge.url}/v1/thing")

            made[name] = await open_loop(RATE, 3.0, call)
            seen[name] = await http.get(f"{edge.url}/now")
            await asyncio.sleep(0)
    lab.note("moved by", "libfaketime" if library else "time.time of the service")
    moved_by = seen["+1 h"] - seen["in time"], seen["-1 h"] - seen["in time"]
    lab.check(
        "the clock of the service did move",
        f"{moved_by[0]:+.0f} s, {moved_by[1]:+.0f} s",
        abs(moved_by[0] - HOUR) < 60 and abs(moved_by[1] + HOUR) < 60,
    )
    for name, calls in made.items():
        failed = sum(one.outcome != "ok" for one in calls)
        slow = max(one.seconds for one in calls)
        lab.history.note(step=name, failed=failed, slowest=slow)
        lab.check(f"{name}: no call fails or is cut", failed, failed == 0)
    misfires = [
        line["event"]
        for line in edge.lines
        if str(line.get("event")).startswith(("breaker.", "retry.", "attempt."))
    ]
    lab.check("no policy fires", misfires[:3] or 0, not misfires)
