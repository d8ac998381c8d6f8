"""Services killed at random while the shop works: SIGKILL, no warning, no clean-up."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Protocol

from shop_replay.running import FleetError, Process

LOOK_SECONDS = 0.25
BACK_SECONDS = 120.0
MOST_DELAY_SECONDS = 0.1


class Fleet(Protocol):
    """What chaos must know of a fleet."""

    async def processes(self) -> Mapping[str, Process]:
        """Return every process by name."""
        ...


def kill_places(invoices: int, kills: int, random: Random) -> list[int]:
    """Return before which invoice each kill falls due: spread over the whole run.

    Args:
        invoices: How many invoices are placed.
        kills: How many kills.
        random: Where the places come from.

    Returns:
        One place a kill, ascending, each within its share of the invoices.
    """
    return [int((n + random.random()) * invoices / kills) for n in range(kills)]


def victims(names: Sequence[str], kills: int, random: Random) -> list[str]:
    """Return who is killed, in turn; all are hit before one is hit again.

    Args:
        names: The services.
        kills: How many kills.
        random: Where the turns come from.
    """
    order: list[str] = []
    while len(order) < kills:
        order += random.sample(sorted(names), len(names))
    return order[:kills]


class Chaos:
    """Kills services by a seeded plan; each is back before it is killed again.

    A process is pinned by a descriptor when it is looked up, so that a number that was
    given to another process meanwhile is never killed.
    """

    def __init__(
        self,
        fleet: Fleet,
        names: Sequence[str],
        *,
        seed: int,
        kills: int,
        invoices: int,
    ) -> None:
        """Plan the kills.

        Args:
            fleet: Who is killed.
            names: The services to choose from.
            seed: What the plan is made from; the same seed gives the same plan.
            kills: How many kills, at least 1.
            invoices: How many invoices the run has.
        """
        random = Random(seed)
        self._fleet = fleet
        self._names = tuple(names)
        self._plan = list(
            zip(
                kill_places(invoices, kills, random),
                victims(names, kills, random),
                [random.uniform(0, MOST_DELAY_SECONDS) for _ in range(kills)],
                strict=True,
            )
        )
        self._pinned: dict[str, tuple[int, int]] = {}
        self._away: dict[str, int] = {}
        self._due: list[asyncio.Task[None]] = []
        self.kills: Counter[str] = Counter()

    async def open(self) -> None:
        """Pin every process.

        Raises:
            FleetError: A service does not run, or this system cannot pin processes.
        """
        if not hasattr(os, "pidfd_open"):
            raise FleetError(
                "this system cannot pin a process",
                where="os.pidfd_open is missing",
                hint="run `--chaos` on Linux 5.3 or newer",
            )
        await self._until(lambda: len(self._pinned) == len(self._names))

    async def before(self, index: int) -> None:
        """Kill what is due before the invoice at this place is started.

        Args:
            index: The invoice's place in the run.
        """
        while self._plan and self._plan[0][0] <= index:
            _, name, delay_seconds = self._plan.pop(0)
            await self._until(lambda: name in self._pinned)  # noqa: B023
            self._due.append(
                asyncio.create_task(self._kill(*self._take(name), delay_seconds))
            )

    async def close(self) -> None:
        """Wait until the last kill has happened and all are back; let go of them.

        Raises:
            FleetError: A service did not come back.
        """
        try:
            await asyncio.gather(*self._due)
            await self._until(lambda: len(self._pinned) == len(self._names))
        finally:
            for descriptor, _ in self._pinned.values():
                os.close(descriptor)
            self._pinned.clear()

    def _take(self, name: str) -> tuple[str, int]:
        """Take a pinned process out; only another one is pinned in its place."""
        descriptor, self._away[name] = self._pinned.pop(name)
        return name, descriptor

    async def _kill(self, name: str, descriptor: int, delay_seconds: float) -> None:
        await asyncio.sleep(delay_seconds)
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            self.kills[name] += 1
        except ProcessLookupError:
            # It ended by itself: pin its successor and kill that one instead.
            await self._until(lambda: name in self._pinned)
            await self._kill(*self._take(name), 0.0)
        finally:
            os.close(descriptor)

    async def _until(self, true: Callable[[], bool]) -> None:
        """Look at the fleet until something is so."""
        try:
            async with asyncio.timeout(BACK_SECONDS):
                while not true():
                    await self._look()
                    if not true():
                        await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError as error:
            away = sorted(set(self._names) - set(self._pinned))
            raise FleetError(
                f"not back after {BACK_SECONDS:g} s: {', '.join(away)}",
                where="killed before by the replay",
                hint="look why with `fleet ps` and `fleet logs`",
            ) from error

    async def _look(self) -> None:
        for name, process in (await self._fleet.processes()).items():
            if name not in self._names or name in self._pinned:
                continue
            pid = process.pid
            takes_calls = process.state in ("ready", "degraded")
            if not takes_calls or pid in {None, self._away.get(name)}:
                continue
            assert pid is not None
            try:
                self._pinned[name] = os.pidfd_open(pid), pid
            except ProcessLookupError:
                continue  # ended since it was looked up
