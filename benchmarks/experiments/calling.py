"""Calls made by an experiment: typed ones in this process, plain ones over HTTP."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp

from experiments.apps import Leaf
from fleetwright.errors import Refused, Unavailable
from fleetwright.resilience import Pipeline
from fleetwright.rest import rest


def leaf_at(url: str, pipeline: Pipeline | None = None) -> Leaf:
    """Return a typed client of a leaf.

    Args:
        url: Where it answers.
        pipeline: How calls are guarded; the default of `rest` when left out.
    """
    os.environ["LEAF_URL"] = url
    return rest(Leaf, provider="leaf", pipeline=pipeline)


async def close(client: Leaf) -> None:
    """Close a typed client."""
    await client.__part__.close()  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Called:
    """What became of one call.

    Attributes:
        began: When it began, in seconds since the first one.
        seconds: How long it took.
        outcome: `ok`, or why not; the status of an answer over HTTP.
        value: What was returned.
    """

    began: float
    seconds: float
    outcome: str
    value: Any = None


async def timed(call: Callable[[], Awaitable[Any]], since: float = 0.0) -> Called:
    """Make one call and say what became of it.

    Args:
        call: Makes it.
        since: The beginning of all calls, as `time.monotonic` tells it.
    """
    began = time.monotonic()
    value = None
    try:
        value = await call()
        outcome = "ok"
    except Unavailable as error:
        outcome = error.reason
    except Refused as error:
        outcome = f"refused {error.status}"
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        outcome = type(error).__name__
    if isinstance(value, int) and not isinstance(value, bool) and 200 <= value < 600:
        outcome = "ok" if value < 300 else str(value)
    return Called(began - since, time.monotonic() - began, outcome, value)


async def open_loop(
    rate: float,
    seconds: float,
    call: Callable[[], Awaitable[Any]],
    random: Random | None = None,
) -> list[Called]:
    """Make calls at a rate, however long each takes.

    Args:
        rate: Calls a second.
        seconds: How long.
        call: Makes one.
        random: Draws the times; evenly spaced when left out.

    Returns:
        All of them, in the order of their beginning.
    """
    loop = asyncio.get_running_loop()
    began, since = loop.time(), time.monotonic()
    tasks: list[asyncio.Task[Called]] = []
    at = 0.0
    while at < seconds:
        wait = began + at - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(timed(call, since)))
        at += random.expovariate(rate) if random else 1 / rate
    return list(await asyncio.gather(*tasks))


class Http:
    """Plain calls to a service, as anybody outside makes them."""

    def __init__(self, seconds: float = 5.0) -> None:
        """Give each call a limit.

        Args:
            seconds: Longest time for a call.
        """
        self._seconds = seconds

    async def __aenter__(self) -> "Http":
        """Open the pool."""
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=self._seconds),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the pool."""
        await self.session.close()

    async def status(self, url: str, **options: Any) -> int:
        """Return the status of a GET.

        Args:
            url: Where to.
            **options: Of aiohttp.
        """
        async with self.session.get(url, **options) as answer:
            await answer.read()
            return answer.status

    async def get(self, url: str) -> Any:
        """Return the JSON answer of a GET."""
        async with self.session.get(url) as answer:
            return await answer.json()

    async def post(self, url: str, body: Any) -> int:
        """Return the status of a POST."""
        async with self.session.post(url, json=body) as answer:
            await answer.read()
            return answer.status


def sockets() -> int:
    """Return how many sockets this process has open."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    return count


async def sockets_down_to(baseline: int, seconds: float) -> int:
    """Return how many sockets are open once they are few enough, or time is over.

    Args:
        baseline: How many are few enough.
        seconds: Longest wait.
    """
    for _ in range(int(seconds / 0.05)):
        if sockets() <= baseline:
            break
        await asyncio.sleep(0.05)
    return sockets()
