"""RabbitMQ is killed twice while a thousand messages a second are published."""

import asyncio

from experiments.carried import traffic
from experiments.lab import Lab

MUTANTS = ("believes_without_word",)
RATE = 1000
KILLS = 2
LONGEST_CALL_SECONDS = 5.0
RECOVERED_SECONDS = 30.0
HEARD_SECONDS = 15.0  # what is left, when no more is published


async def run(lab: Lab) -> None:
    """Publish, kill, start, and look for what was confirmed and never heard."""
    server, carried = await traffic(lab, RATE)
    loop = asyncio.get_running_loop()
    recovered = []
    for _ in range(KILLS):
        await asyncio.sleep(lab.random.uniform(2.0, 3.0))
        await server.kill()
        killed_at = loop.time()
        await server.start()
        seconds = await carried.until_heard_after(killed_at, RECOVERED_SECONDS)
        lab.history.note(kill=killed_at, recovered_seconds=seconds)
        recovered.append(seconds)
        if seconds > RECOVERED_SECONDS:
            break  # nothing can mend the verdict
    lost = await carried.end(HEARD_SECONDS)
    lab.history.note(confirmed=len(carried.sent), heard=len(carried.heard))
    lab.note(
        "messages confirmed, batches tried again",
        f"{len(carried.sent)}, {carried.again}",
    )
    lab.check("confirmed and lost = 0", len(lost), not lost)
    longest = carried.longest_seconds
    lab.check(
        f"publish never blocks > {LONGEST_CALL_SECONDS:g} s",
        f"{longest:.2f} s",
        longest <= LONGEST_CALL_SECONDS,
    )
    lab.check(
        f"published and heard again <= {RECOVERED_SECONDS:g} s after each kill",
        ", ".join(f"{seconds:.1f} s" for seconds in recovered),
        max(recovered) <= RECOVERED_SECONDS,
    )
