"""What others on the machine took from a test, for limits on the time on the wall."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

_PAUSE_SECONDS = 0.01


@dataclass
class Stolen:
    """Time in which this process was ready to run and was not let.

    Attributes:
        seconds: How much, so far.
    """

    seconds: float = 0.0


@asynccontextmanager
async def stolen_time() -> AsyncIterator[Stolen]:
    """Count, while the block runs, by how much the loop's timers come late.

    A limit of `0.6 + stolen.seconds` is as sharp as 0.6 on a machine of our own, and
    holds on one that lets us run every other second.
    """
    stolen, due = Stolen(), time.monotonic() + _PAUSE_SECONDS

    def late() -> float:
        return max(0.0, time.monotonic() - due)

    async def count() -> None:
        nonlocal due
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            stolen.seconds += late()
            due = time.monotonic() + _PAUSE_SECONDS

    counting = asyncio.create_task(count())
    try:
        yield stolen
    finally:
        counting.cancel()
        stolen.seconds += late()
