#!/usr/bin/env python3
"""Random outages, cancellations and deadlines against the product's own pipeline.

    venv/bin/python benchmarks/fuzz_pipeline.py 2000 [--seed 1] [--mutant NAME]

Each scenario is a provider that is up, down, hanging and up again for some virtual
seconds, and a few hundred calls through one `Pipeline` of random numbers; some callers
have hardly any time, some are cancelled, and an adversary cancels waiters in the very
tick in which they are handed a place. Ten invariants are held against what was seen
from outside. With `--mutant` one policy is broken on purpose: then it is a failure
when no invariant notices. Exits with 1 on a failure.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections import Counter
from contextlib import suppress
from random import Random

import structlog

from fleetwright import Deadline, Refused, Unavailable
from fleetwright.resilience import (
    BreakerChanged,
    CircuitBreaker,
    Hedge,
    Pipeline,
    PolicyEvent,
    Retry,
    Timeout,
)
from fleetwright.testing import JumpingLoop
from pipeline_mutants import MUTANTS, WINDOW_SECONDS, SeenBudget, TrickyBulkhead

INVARIANTS = {
    "I1": "a half-open breaker has at most so many probes under way",
    "I2": "the provider never holds more calls than there are places",
    "I3": "at rest every place is free and nobody waits",
    "I4": "at rest no probe is under way",
    "I5": "states change along the diagram only, each change a new epoch",
    "I6": "it stays open for its time, give or take a tenth, and nothing is sent",
    "I7": "extra sends stay within the budget in every window",
    "I8": "once the provider is well, the breaker closes",
    "I9": "it closes only after enough good probes of that epoch",
    "I10": "it opens only after a bad answer of that epoch",
}
DIAGRAM = {
    ("closed", "open"),
    ("open", "half_open"),
    ("half_open", "open"),
    ("half_open", "closed"),
}
PHASES = (("ok", 1.2), ("down", 1.2), ("hang", 0.8))
TAKES_SECONDS = {
    "ok": 0.02,
    "no": 0.02,
    "down": 0.01,
    "slow": 0.4,
    "late": 1.2,
    "hang": 30.0,
}
SCENARIO_SECONDS = 7.0
CALLS_PER_SECOND = 18.0
OPEN_SECONDS, LONGEST_OPEN_SECONDS = 0.5, 4.0


class Scenario:
    """One provider, one pipeline, and what was seen of both.

    Attributes:
        violated: The invariants that did not hold.
        changes: How often the breaker changed its state.
    """

    def __init__(self, seed: int, mutant: str | None) -> None:
        """Draw the numbers of the scenario from a seed."""
        chance = self.chance = Random(seed)
        self.violated: set[str] = set()
        self.log: list[tuple[float, BreakerChanged]] = []
        self.probes = chance.choice([1, 2])
        self.successes = chance.choice([1, 2, 3])
        self.slow_seconds = chance.choice([None, 0.3])
        self.each_seconds = chance.choice([0.1, 0.5, 2.0])
        self.mix = chance.choice([0.05, 0.4])
        self.cancelled_share = chance.choice([0.1, 0.4])
        self.running = 0
        self.good: Counter[int] = Counter()
        self.bad: Counter[int] = Counter()
        self.began = 0.0
        broken = MUTANTS.get(mutant or "", object)
        self._declare(chance, broken)

    def _declare(self, chance: Random, broken: type) -> None:
        def kind(ours: type) -> type:
            return broken if issubclass(broken, ours) else ours

        self.budget = kind(SeenBudget)(
            chance.choice([0, 0.1, 0.2]), chance.choice([0, 1])
        )
        self.places = chance.choice([2, 4, 8])
        self.bulkhead = kind(TrickyBulkhead)(
            self.places, chance.choice([0, 2, 8]), chance
        )
        self.breaker = kind(CircuitBreaker)(
            minimum_calls=5,
            window_seconds=WINDOW_SECONDS,
            consecutive_failures=chance.choice([3, 1_000_000]),
            slow_seconds=self.slow_seconds,
            open_seconds=OPEN_SECONDS,
            longest_open_seconds=LONGEST_OPEN_SECONDS,
            probes=self.probes,
            successes=self.successes,
            probe_seconds=1_000.0,
            random=chance,
        )
        repeats = (
            Hedge(budget=self.budget)
            if chance.random() < 0.2
            else Retry(3, budget=self.budget, random=chance)
        )
        self.pipeline = Pipeline(
            "provider",
            Timeout(3.0),
            repeats,
            self.breaker,
            self.bulkhead,
            Timeout(self.each_seconds),
            listener=self._heard,
        )

    # -- the provider

    def _weather(self) -> str:
        passed = asyncio.get_running_loop().time() - self.began
        for weather, seconds in PHASES:
            if passed < seconds:
                return weather if self.chance.random() > self.mix else self._squall()
            passed -= seconds
        return "ok"

    def _squall(self) -> str:
        return self.chance.choice(["ok", "down", "hang", "slow", "late", "no"])

    async def ask(self) -> None:
        """Answer as the weather is; note what a breaker may learn from it."""
        loop = asyncio.get_running_loop()
        began, epoch = loop.time(), self.breaker._epoch
        if self.breaker.state == "open":
            self.violated.add("I6")
        if len(self.breaker._under_way) > self.probes:
            self.violated.add("I1")
        self.running += 1
        if self.running > self.places:
            self.violated.add("I2")
        weather = self._weather()
        try:
            await asyncio.sleep(TAKES_SECONDS[weather] * (0.5 + self.chance.random()))
        except asyncio.CancelledError:
            # Cut by its own limit it was too slow; else somebody could not wait.
            took = loop.time() - began
            self.bad[epoch] += took >= self.each_seconds - 1e-6
            raise
        finally:
            self.running -= 1
        if weather == "down":
            self.bad[epoch] += 1
            raise Unavailable("down", reason="status", status=503)
        late = self.slow_seconds is not None and (
            loop.time() - began >= self.slow_seconds - 1e-6
        )
        self.bad[epoch] += late
        self.good[epoch] += not late
        if weather == "no":
            raise Refused("no", status=404)

    # -- what the breaker says of itself

    def _heard(self, event: PolicyEvent) -> None:
        if not isinstance(event, BreakerChanged):
            return
        now = asyncio.get_running_loop().time()
        before, after, left = event.from_state, event.to_state, event.epoch - 1
        self.log.append((now, event))
        if (before, after) not in DIAGRAM or event.epoch != len(self.log):
            self.violated.add("I5")
        closes = (before, after) == ("half_open", "closed")
        if closes and self.good[left] < self.successes:
            self.violated.add("I9")
        if after == "open":
            if not self.bad[left]:
                self.violated.add("I10")
            self._check_open_time(now)

    def _check_open_time(self, now: float) -> None:
        opened = 0
        for _, change in reversed(self.log):
            if change.to_state == "closed":
                break
            opened += change.to_state == "open"
        planned = min(LONGEST_OPEN_SECONDS, OPEN_SECONDS * 2 ** (opened - 1))
        seconds = self.breaker._open_until - now
        if not 0.9 * planned - 1e-6 <= seconds <= 1.1 * planned + 1e-6:
            self.violated.add("I6")

    # -- the callers

    async def _caller(self) -> None:
        with suppress(Unavailable, Refused):
            if self.chance.random() < 0.3:
                with Deadline.after(self.chance.choice([0.02, 0.09, 0.3])):
                    await self.pipeline.run(self.ask)
            else:
                await self.pipeline.run(self.ask)

    async def run(self) -> None:
        """Send the calls, come to rest, and check what must hold then."""
        loop = asyncio.get_running_loop()
        self.began = loop.time()
        tasks = []
        while loop.time() - self.began < SCENARIO_SECONDS:
            task = asyncio.create_task(self._caller())
            tasks.append(task)
            if self.chance.random() < self.cancelled_share:
                loop.call_later(self.chance.random() * 0.1, task.cancel)
            await asyncio.sleep(self.chance.expovariate(CALLS_PER_SECOND))
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(3.0)  # what hedges left behind is gone by then
        facts = self.bulkhead.facts()
        if (facts["used"], facts["waiting"]) != (0, 0):
            self.violated.add("I3")
        if self.breaker._under_way:
            self.violated.add("I4")
        if not self.budget.is_kept():
            self.violated.add("I7")
        await self._recover()

    async def _recover(self) -> None:
        self.mix, self.began = 0.0, -1_000.0  # well from now on
        for _ in range(30):
            with suppress(Unavailable):
                await self.pipeline.run(self.ask)
            if self.breaker.state == "closed":
                return
            await asyncio.sleep(1.0)
        self.violated.add("I8")


def played(seed: int, mutant: str | None = None) -> Scenario:
    """Return a scenario after it was played.

    Args:
        seed: Decides everything in it.
        mutant: What is broken on purpose.

    Returns:
        The scenario.
    """
    scenario = Scenario(seed, mutant)
    loop = JumpingLoop()
    try:
        loop.run_until_complete(scenario.run())
    finally:
        loop.close()
    return scenario


def main(arguments: list[str] | None = None) -> int:
    """Play the scenarios and tell what was violated.

    Args:
        arguments: Of the command line.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", type=int)
    parser.add_argument("--seed", type=int, default=1, help="of the first scenario")
    parser.add_argument("--mutant", choices=sorted(MUTANTS))
    chosen = parser.parse_args(arguments)
    silent = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=silent)
    began = time.perf_counter()
    violations: Counter[str] = Counter()
    bad: list[int] = []
    changes = calls = 0
    for seed in range(chosen.seed, chosen.seed + chosen.scenarios):
        scenario = played(seed, chosen.mutant)
        changes += len(scenario.log)
        calls += len(scenario.budget.calls)
        violations.update(scenario.violated)
        if scenario.violated:
            bad.append(seed)
    took = time.perf_counter() - began
    print(
        f"{chosen.mutant or 'the product'}: {chosen.scenarios} scenarios, {calls}"
        f" calls, {changes} changes of state, {len(bad)} scenarios with violations,"
        f" {took:.1f} s"
    )
    for name, times in violations.most_common():
        print(f"  {name} {times} times: {INVARIANTS[name]}")
    if bad:
        print(f"  first seeds: {bad[:5]}")
    return int(bool(bad) == (chosen.mutant is None))


if __name__ == "__main__":
    sys.exit(main())
