"""FastStream as it comes: publish and acknowledge; a death loses or doubles events."""

import asyncio
import json
from collections.abc import Callable

from event_rates.faststream_side import body_of, declare, faststream_of, hear, publisher
from event_rates.job import TEXT, Job, Report, Seen, key_of, produce, run

WINDOW = 128  # confirms waited for together, where publishing alone is measured


async def main(job: Job, ready: Callable[[], None]) -> Report:
    """Play one role.

    Args:
        job: Which.
        ready: Called when it can begin.
    """
    broker = faststream_of(job.broker, strict=job.role == "relay")
    if job.role == "consume":
        seen = Seen(job.count)

        async def heard(body: bytes) -> None:
            event = json.loads(body)
            seen.add(event["number"], event["begun"])

        hear(broker, job.broker, job.topic, heard, at_once=job.at_once, strict=False)
        await broker.start()
        ready()
        await seen.all.wait()
        return seen.report
    await broker.connect()
    await declare(broker, job.broker, job.topic)
    send = publisher(broker, job.broker, job.topic)

    async def one(number: int, begun: float) -> None:
        key = key_of(number)
        await send(key, body_of(customer=key, number=number, begun=begun, text=TEXT))

    ready()
    if job.role == "produce":
        return await produce(job, one)

    async def windows(*_: object) -> None:
        for first in range(0, job.count, WINDOW):
            window = range(first, min(job.count, first + WINDOW))
            await asyncio.gather(*(one(number, 0.0) for number in window))

    return await produce(Job("relay", job.broker, "", "", job.topic, 1, 1, 0), windows)


if __name__ == "__main__":
    run(main)
