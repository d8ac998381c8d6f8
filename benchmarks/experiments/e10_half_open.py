"""Fifty callers at the moment a circuit becomes half open, and results that come late.

In virtual time: no process, no network, no waiting.
"""

import asyncio
from random import Random

from experiments.lab import Lab
from fleetwright._clock import use_clock
from fleetwright.errors import Unavailable
from fleetwright.resilience import CircuitBreaker, Pipeline, Timeout
from fleetwright.testing import JumpingLoop

MUTANTS = ("lets_every_probe_through", "counts_late_results", "counts_cancellations")
CALLERS = 50


class Dependency:
    """Something that is called; it counts and does as it is told.

    Attributes:
        sends: How often it was called.
        fails: Whether it is down.
        seconds: How long an answer takes.
    """

    def __init__(self) -> None:
        """Start down."""
        self.sends = 0
        self.fails = True
        self.seconds = 0.01

    async def call(self) -> None:
        """Answer, or fail."""
        self.sends += 1
        fails = self.fails
        await asyncio.sleep(self.seconds)
        if fails:
            raise Unavailable("down", reason="connect")


class World:
    """A pipeline whose circuit is open, and what it calls."""

    def __init__(self, random: Random) -> None:
        """Build both."""
        self.breaker = CircuitBreaker(
            consecutive_failures=5, open_seconds=1.0, successes=1, random=random
        )
        self.pipeline = Pipeline("leaf", Timeout(60.0), self.breaker)
        self.leaf = Dependency()

    async def call(self) -> str:
        """Make one call and say what became of it."""
        try:
            await self.pipeline.run(self.leaf.call)
        except Unavailable as error:
            return error.reason
        return "ok"

    async def opened(self) -> None:
        """Let it fail until it is open, and wait until it may be probed."""
        while self.breaker.state != "open":
            await self.call()
        await asyncio.sleep(1.2)
        self.leaf.sends = 0


async def run(lab: Lab) -> None:
    """Run the three worlds on a loop that jumps over waiting."""
    seeds = [lab.random.randrange(1 << 30) for _ in range(20)]
    found = await asyncio.to_thread(_in_virtual_time, seeds)
    for what, figure, ok in found:
        lab.history.note(what=what, figure=figure)
        lab.check(what, figure, ok)


def _in_virtual_time(seeds: list[int]) -> list[tuple[str, str, bool]]:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, JumpingLoop)
        with use_clock(loop.clock):
            return [
                runner.run(_together(seeds)),
                runner.run(_late(seeds)),
                runner.run(_cancelled(seeds)),
            ]


async def _together(seeds: list[int]) -> tuple[str, str, bool]:
    """Let everybody call at once; the probe takes a moment."""
    worst = 0
    for seed in seeds:
        world = World(Random(seed))
        await world.opened()
        await asyncio.gather(*(world.call() for _ in range(CALLERS)))
        worst = max(worst, world.leaf.sends)
    return f"{CALLERS} callers at half open: sends = 1", str(worst), worst == 1


async def _late(seeds: list[int]) -> tuple[str, str, bool]:
    """Let a call from before the opening succeed while the probe is under way."""
    closed = 0
    for seed in seeds:
        world = World(Random(seed))
        world.leaf.fails, world.leaf.seconds = False, 3.0
        early = asyncio.create_task(world.call())
        await asyncio.sleep(0.1)
        world.leaf.fails, world.leaf.seconds = True, 0.01
        await world.opened()
        world.leaf.seconds = 5.0
        probe = asyncio.create_task(world.call())
        await early
        closed += world.breaker.state == "closed"
        await probe
    return "a late success of an earlier epoch closes nothing", str(closed), not closed


async def _cancelled(seeds: list[int]) -> tuple[str, str, bool]:
    """Cancel the probe."""
    closed = 0
    for seed in seeds:
        world = World(Random(seed))
        await world.opened()
        world.leaf.seconds = 5.0
        probe = asyncio.create_task(world.call())
        await asyncio.sleep(0.5)
        probe.cancel()
        await asyncio.wait([probe])
        closed += world.breaker.state == "closed"
    return "a cancelled probe closes nothing", str(closed), not closed
