"""The administrator closes every connection to RabbitMQ every two seconds."""

import asyncio

from experiments.carried import close_connections, traffic
from experiments.lab import Lab

MUTANTS = ("never_comes_back",)
RATE = 300
CONNECTIONS = 3  # of the publisher, of the group's broker and its consumer
TIMES = 6
EVERY_SECONDS = 2.0
BACK_SECONDS = 5.0


async def run(lab: Lab) -> None:
    """Close, and measure until something published since is heard."""
    server, carried = await traffic(lab, RATE)
    loop = asyncio.get_running_loop()
    back, closed = [], 0
    for _ in range(TIMES):
        await asyncio.sleep(EVERY_SECONDS)
        closed += await _close(server.url)
        closed_at = loop.time()
        seconds = await carried.until_heard_after(closed_at, 2 * BACK_SECONDS)
        lab.history.note(closed=closed, back_seconds=seconds)
        back.append(seconds)
        if seconds > BACK_SECONDS:
            break  # nothing can mend the verdict
    lost = await carried.end(2 * BACK_SECONDS)
    lab.note("messages confirmed, connections closed", f"{len(carried.sent)}, {closed}")
    lab.check("confirmed and lost = 0", len(lost), not lost)
    lab.check(
        f"the consumer is back <= {BACK_SECONDS:g} s each time",
        ", ".join(f"{seconds:.1f} s" for seconds in back),
        max(back) <= BACK_SECONDS,
    )


async def _close(url: str) -> int:
    """Close what there is: the server lists a connection a moment after it is there."""
    closed = 0
    async with asyncio.timeout(10):
        while closed < CONNECTIONS:
            closed += await asyncio.to_thread(close_connections, url)
    return closed
