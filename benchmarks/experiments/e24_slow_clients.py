"""Five hundred clients that say nothing, or say it very slowly, beside normal ones."""

import asyncio
import time
from collections import Counter
from contextlib import suppress

from experiments.calling import Http, open_loop
from experiments.lab import Lab, percentile

MUTANTS = ("waits_for_ever", "lends_no_place")
SLOW = 500
RATE = 40.0
SECONDS = 6.0
BURST_SECONDS = 1.0
CLOSED_SECONDS = 10.0
# The sweep, and the pace of a machine with five hundred connections more.
SLACK_SECONDS = 1.5
OPENINGS = (
    b"",
    b"GET /v1/quick HTTP/1.1\r\nHost: ec",
    b"POST /v1/words HTTP/1.1\r\nHost: echo\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100\r\n\r\n{",
)


async def run(lab: Lab) -> None:
    """Measure normal traffic alone, then beside the slow ones, and time their end."""
    echo = await lab.serve("create_echo", MAX_IN_FLIGHT="8")
    async with Http() as http:

        async def call() -> int:
            return await http.status(f"{echo.url}/v1/quick")

        await open_loop(RATE, 1.0, call)
        alone = await open_loop(RATE, SECONDS, call)
        slow = [asyncio.create_task(_slow(echo.url, n)) for n in range(SLOW)]
        beside = await open_loop(RATE, SECONDS, call)
        lasted = await asyncio.gather(*slow)
    for seconds in lasted:
        lab.history.note(slow_lasted=seconds)
    told = [one["slow_lasted"] for one in lab.history.read()]
    # While all of them arrive together a place is lent only after some 50 ms.
    later = [one for one in beside if one.began >= BURST_SECONDS]
    failed = Counter(one.outcome for one in later if one.outcome != "ok")
    lab.check("no normal call fails", dict(failed) or 0, not failed)
    p99 = percentile([one.seconds for one in alone], 0.99)
    p99_beside = percentile([one.seconds for one in later], 0.99)
    lab.check(
        "p99 beside them <= 2 x alone (+ 5 ms)",
        f"{1000 * p99_beside:.1f} ms to {1000 * p99:.1f} ms",
        p99_beside <= 2 * p99 + 0.005,
    )
    limit = CLOSED_SECONDS + SLACK_SECONDS
    lab.check(
        f"all {SLOW} are closed <= {CLOSED_SECONDS:g} s (+ {SLACK_SECONDS:g} s)",
        f"{max(told):.1f} s, half of them after {percentile(told, 0.5):.1f} s",
        max(told) <= limit,
    )


async def _slow(url: str, number: int) -> float:
    """Be a slow client, and return after how long the connection was closed."""
    host, _, port = url.removeprefix("http://").partition(":")
    began = time.monotonic()
    opening = OPENINGS[number % len(OPENINGS)]
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(CLOSED_SECONDS + 5):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(opening)
                reading = asyncio.create_task(reader.read())
                while not reading.done():
                    await asyncio.wait([reading], timeout=1.0)
                    if opening and not reading.done():
                        writer.write(b"x")
                with suppress(OSError):
                    await reading
            finally:
                writer.close()
    return time.monotonic() - began
