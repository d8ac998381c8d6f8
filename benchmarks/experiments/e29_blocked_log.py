"""Nobody reads the log any more: the pipe is full, the service goes on.

There is no exporter of telemetry yet; the log is the one channel out, and it must
neither slow requests down nor fill the memory while its reader is blocked.
"""

import asyncio

from experiments.calling import Called, Http, open_loop
from experiments.lab import Lab, percentile

MUTANTS = ("waits_for_the_log", "keeps_every_line")
CALLS_PER_SECOND = 150.0
SECONDS = 3.0
# A call's line is about 400 bytes; these make enough of them to pass 8 MiB.
FILLER_BYTES = 12_000
GROWTH_BYTES = 24 * 1024 * 1024


async def run(lab: Lab) -> None:
    """Compare requests with a reader to those without, then read on."""
    service = await lab.serve("create_talker", FILLER_BYTES=str(FILLER_BYTES))
    async with Http(seconds=5.0) as http:

        async def call() -> int:
            return await http.status(f"{service.url}/v1/talk")

        await open_loop(CALLS_PER_SECOND, 1.0, call)
        read = await open_loop(CALLS_PER_SECOND, SECONDS, call)
        before = service.rss_bytes()
        service.reading.clear()
        await open_loop(CALLS_PER_SECOND, 0.5, call)  # fills the pipe
        blocked: list[Called] = []
        for _ in range(3):
            blocked += await open_loop(CALLS_PER_SECOND, SECONDS, call)
        grown = service.rss_bytes() - before
        service.reading.set()
        for _ in range(200):
            if service.told("lines.dropped"):
                break
            await call()
            await asyncio.sleep(0.02)
    for name, made in (("read", read), ("blocked", blocked)):
        for one in made:
            lab.history.note(log=name, outcome=one.outcome, seconds=one.seconds)
    failed = sum(one.outcome != "ok" for one in blocked)
    lab.check("no request fails", failed, failed == 0)
    fast = percentile([one.seconds for one in read], 0.5)
    slow = percentile([one.seconds for one in blocked], 0.5)
    lab.check(
        "median while blocked <= 1.3 of that while read (+ 1 ms)",
        f"{1000 * slow:.2f} ms to {1000 * fast:.2f} ms",
        slow <= 1.3 * fast + 0.001,
    )
    lab.note(
        "99th percentile blocked, read",
        f"{1000 * percentile([one.seconds for one in blocked], 0.99):.1f} ms,"
        f" {1000 * percentile([one.seconds for one in read], 0.99):.1f} ms",
    )
    written = 2 * len(blocked) * FILLER_BYTES / 1e6
    lab.check(
        f"memory grows <= 24 MB while {written:.0f} MB of lines are written",
        f"{grown / 1e6:.1f} MB",
        grown <= GROWTH_BYTES,
    )
    dropped = service.told("lines.dropped")
    count = sum(int(line["lines"]) for line in dropped)
    lab.check("dropped lines are counted in the log", count, count > 0)
