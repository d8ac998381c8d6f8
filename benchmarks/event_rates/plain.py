"""FastStream as it comes: publish and acknowledge; a death loses or doubles events."""

import asyncio
from collections.abc import Callable, Sequence

from event_rates.faststream_side import (
    Sold,
    body_of,
    broker_of,
    hear,
    publisher,
    sold,
)
from event_rates.job import Job, Report, Seen, produce, run, timed

WINDOW = 128  # confirms waited for together, where publishing alone is measured


async def main(job: Job, ready: Callable[[], None]) -> Report:
    """Play one role.

    Args:
        job: Which.
        ready: Called when it can begin.
    """
    broker = await broker_of(job, strict=job.role == "relay")
    if job.role == "consume":
        seen = Seen(job.count)

        async def heard(event: Sold) -> None:
            seen.add(event.number, event.begun)

        hear(broker, job, heard, strict=False)
        await broker.start()
        ready()
        return await seen.wait()
    send = publisher(broker, job)

    async def sell(numbers: Sequence[int], begun: float) -> None:
        events = [sold(number, begun) for number in numbers]
        await asyncio.gather(*(send(each.customer, body_of(each)) for each in events))

    async def windows() -> None:
        for first in range(0, job.count, WINDOW):
            await sell(range(first, min(job.count, first + WINDOW)), 0.0)

    ready()
    if job.role == "produce":
        return await produce(job, sell)
    return await timed(windows)


if __name__ == "__main__":
    run(main)
