"""The wall clock of one service jumps an hour ahead, then two hours back.

A caller of a leaf runs under libfaketime, which moves its wall clock and leaves its
monotonic one; where that library is missing, `time.time` is moved instead.
"""

import asyncio
from pathlib import Path

from experiments.calling import Http, open_loop
from experiments.lab import Lab

MUTANTS = ("lives_by_the_wall_clock",)
HOUR = 3600
RATE = 40.0
OPEN_SECONDS = 4.0  # of the 5 +- 10 % for which the circuit stays open
LIBRARIES = (
    Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"),
    Path("/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"),
)


class Steps:
    """The file that moves the clock of a service."""

    def __init__(self, folder: Path) -> None:
        """Move nothing yet."""
        self._file = folder / "step"
        self.library = next((it for it in LIBRARIES if it.exists()), None)
        self.move(0)

    def move(self, seconds: int) -> None:
        """Move the clock to so many seconds from the real time."""
        self._file.write_text(f"{seconds:+d}\n")

    def environment(self) -> dict[str, str]:
        """Return what makes a service follow the file."""
        if self.library is None:
            return {"STEPPED_CLOCK": str(self._file)}
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


async def run(lab: Lab) -> None:
    """Step the clock under traffic, then while a circuit is open."""
    steps = Steps(lab.folder)
    leaf = await lab.serve("create_leaf", WORK_SECONDS="0.1")
    edge = await lab.serve(
        "create_stepped_tier",
        TIER="edge",
        NEXT="leaf",
        LEAF_URL=leaf.url,
        **steps.environment(),
    )
    lab.note("moved by", "libfaketime" if steps.library else "time.time of the service")
    async with Http() as http:

        async def call() -> int:
            return await http.status(f"{edge.url}/v1/thing")

        traffic = asyncio.create_task(open_loop(RATE, 6.0, call))
        shown = []
        for moved in (0, HOUR, -HOUR):
            steps.move(moved)
            await asyncio.sleep(1.5)
            shown.append(await http.get(f"{edge.url}/now"))
        made = await traffic
        ahead, back = shown[1] - shown[0], shown[2] - shown[0]
        lab.check(
            "the clock of the service did move",
            f"{ahead:+.0f} s, {back:+.0f} s",
            abs(ahead - HOUR) < 60 and abs(back + HOUR) < 60,
        )
        failed = sum(one.outcome != "ok" for one in made)
        lab.check(f"of {len(made)} calls none fails or is cut", failed, failed == 0)
        words = ("breaker.", "retry.", "attempt.")
        fired = [it for it in edge.lines if str(it.get("event")).startswith(words)]
        lab.check("no policy fires", len(fired), not fired)

        await http.post(f"{leaf.url}/control", {"status": 503})
        while not edge.told("breaker.changed", to_state="open"):
            await call()
        await http.get(f"{leaf.url}/seen?forget=true")
        steps.move(2 * HOUR)
        await open_loop(10.0, OPEN_SECONDS, call)
        early = (await http.get(f"{leaf.url}/seen"))["arrived"]
        lab.check("an open circuit stays open for its time", early, early == 0)
    lab.history.note(shown=shown, failed=failed, fired=len(fired), early=early)
