"""Somebody who writes to a shelf, and somebody who probes it meanwhile."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from experiments.calling import Http
from experiments.lab import Lab

_EVERY_SECONDS = 0.05
_PROBE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one row.

    Attributes:
        n: Its number.
        at: When it was asked for, as `time.monotonic` tells it.
        seconds: How long that took.
        status: Of the answer; 0 where there was none.
    """

    n: int
    at: float
    seconds: float
    status: int


@dataclass(frozen=True, slots=True)
class Probed:
    """One look at a service.

    Attributes:
        at: When.
        live: Of `/livez`; 0 where there was none.
        ready: Of `/readyz`.
        status: What it calls itself: ok, degraded or down.
    """

    at: float
    live: int
    ready: int
    status: str


class Watch:
    """A shelf under load, and what was seen of it.

    Attributes:
        written: Every row that was asked for.
        probed: Every look.
        filler_bytes: How long the rows are.
    """

    def __init__(self, lab: Lab, http: Http, url: str) -> None:
        """Watch one.

        Args:
            lab: Whose history it is.
            http: Asks it.
            url: Where it answers.
        """
        self.written: list[Written] = []
        self.probed: list[Probed] = []
        self.filler_bytes = 0
        self._lab, self._http, self._url = lab, http, url
        self._over = asyncio.Event()
        self._work: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Watch":
        """Begin to write and to look."""
        self._work = [
            asyncio.create_task(self._write()),
            asyncio.create_task(self._probe()),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Write the last row, look a last time."""
        self._over.set()
        await asyncio.gather(*self._work)

    async def _write(self) -> None:
        while not self._over.is_set():
            at, n = time.monotonic(), len(self.written)
            url = f"{self._url}/v1/rows/{n}?filler_bytes={self.filler_bytes}"
            status = await self._status("PUT", url)
            row = Written(n, at, time.monotonic() - at, status)
            self.written.append(row)
            self._lab.history.note(row=n, status=status, seconds=row.seconds)
            await asyncio.sleep(_EVERY_SECONDS)

    async def _probe(self) -> None:
        while not self._over.is_set():
            at = time.monotonic()
            live = await self._status("GET", f"{self._url}/livez")
            ready, told = await self._readiness()
            self.probed.append(Probed(at, live, ready, str(told.get("status"))))
            self._lab.history.note(live=live, ready=ready, told=told)
            await asyncio.sleep(_PROBE_SECONDS)

    async def _status(self, method: str, url: str) -> int:
        try:
            async with self._http.session.request(method, url) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def _readiness(self) -> tuple[int, dict[str, Any]]:
        try:
            async with self._http.session.get(f"{self._url}/readyz") as answer:
                return answer.status, dict(await answer.json())
        except (aiohttp.ClientError, TimeoutError):
            return 0, {}

    async def until(self, so: Callable[[Probed], bool], seconds: float) -> float:
        """Return the seconds until a look that begins now shows something.

        Args:
            so: Of the look.
            seconds: Longest wait; it is returned when it never was so.
        """
        began, seen = time.monotonic(), len(self.probed)
        while time.monotonic() - began < seconds:
            if any(so(one) for one in self.probed[seen:]):
                return time.monotonic() - began
            await asyncio.sleep(0.05)
        return seconds

    def answers(self, since: float, until: float) -> list[Written]:
        """Return what was asked for in a span of time."""
        return [row for row in self.written if since <= row.at < until]

    def acknowledged(self) -> set[int]:
        """Return the numbers of the rows that were said to be kept."""
        return {row.n for row in self.written if row.status == 200}


def told(rows: list[Written]) -> str:
    """Return how often there was which answer, for a person."""
    counts: dict[int, int] = {}
    for row in rows:
        counts[row.status] = counts.get(row.status, 0) + 1
    return ", ".join(f"{count}x {status}" for status, count in sorted(counts.items()))
