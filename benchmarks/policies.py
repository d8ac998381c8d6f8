#!/usr/bin/env python3
"""What guarding a call costs: our pipeline beside what others offer for the same job.

    scripts/bench-env
    venv-bench/bin/python benchmarks/policies.py [--rounds 15] [--calls 20000]

CPU time of one guarded call of an empty coroutine, on uvloop, in nanoseconds: the
median of rounds in which all contenders take turns, and its ratio to ours. The job is
the same for all: a limit of the whole call, retries, a circuit breaker, at most 32 at a
time, a limit of one attempt; ours keeps a budget of retries and passes the deadline on
beside that. Exits with 1 when ours is not the fastest at the whole job, or costs more
than 5,000 ns.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

import hyx.bulkhead
import hyx.circuitbreaker
import hyx.retry
import hyx.timeout
import purgatory
import pybreaker
import stamina
import tenacity
import uvloop

from fleetwright.resilience import (
    Bulkhead,
    CircuitBreaker,
    Pipeline,
    Retry,
    Timeout,
    default_pipeline,
)

Call = Callable[[], Awaitable[object]]
TOTAL_SECONDS, ATTEMPT_SECONDS, PLACES, ATTEMPTS = 2.0, 1.0, 32, 3
MOST_NANOSECONDS = 5_000
OURS = "fleetwright"


class DownError(Exception):
    """What the provider would raise if it ever failed."""


async def provider() -> None:
    """Answer at once."""


async def bare() -> None:
    """Call without any guard."""
    await provider()


# -- the whole job


def ours() -> Call:
    """Return a call through the default pipeline of every typed client."""
    pipeline = default_pipeline("provider")
    return lambda: pipeline.run(provider)


def hyx_stack() -> Call:
    """Return a call guarded by hyx, all four of its components."""
    guards = (
        hyx.timeout.timeout(ATTEMPT_SECONDS),
        hyx.bulkhead.bulkhead(max_concurrency=PLACES, max_capacity=PLACES + 16),
        hyx.circuitbreaker.consecutive_breaker(DownError, failure_threshold=10),
        hyx.retry.retry(on=DownError, attempts=ATTEMPTS),
        hyx.timeout.timeout(TOTAL_SECONDS),
    )
    call: Call = bare
    for guard in guards:
        call = guard(call)
    return call


def stamina_purgatory() -> Call:
    """Return a call guarded by stamina, purgatory and the standard library."""
    breakers = purgatory.AsyncCircuitBreakerFactory(default_threshold=10)
    places = asyncio.Semaphore(PLACES)

    async def attempt() -> None:
        async with await breakers.get_breaker("provider"), places:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await provider()

    return within_total(
        stamina.retry(on=DownError, attempts=ATTEMPTS, timeout=TOTAL_SECONDS)(attempt)
    )


def tenacity_pybreaker() -> Call:
    """Return a call guarded by tenacity, pybreaker and the standard library."""
    breaker = pybreaker.CircuitBreaker(fail_max=10)
    places = asyncio.Semaphore(PLACES)

    async def attempt() -> None:
        async with places:
            # Its own call_async never opens on a coroutine; this way it does.
            with breaker.calling():
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    await provider()

    return within_total(tried_again(attempt))


def tenacity_purgatory() -> Call:
    """Return a call guarded by tenacity, purgatory and the standard library."""
    breakers = purgatory.AsyncCircuitBreakerFactory(default_threshold=10)
    places = asyncio.Semaphore(PLACES)

    async def attempt() -> None:
        async with await breakers.get_breaker("provider"), places:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await provider()

    return within_total(tried_again(attempt))


def tried_again(attempt: Call) -> Call:
    """Return a call that tenacity tries again.

    Args:
        attempt: Makes one attempt.
    """
    again: Call = tenacity.retry(
        retry=tenacity.retry_if_exception_type(DownError),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_random_exponential(0.05, max=1.0),
    )(attempt)
    return again


def within_total(call: Call) -> Call:
    """Return a call within the limit of the whole call.

    Args:
        call: Makes the call.
    """

    async def within() -> None:
        async with asyncio.timeout(TOTAL_SECONDS):
            await call()

    return within


WHOLE_JOB: dict[str, Callable[[], Call]] = {
    OURS: ours,
    "hyx": hyx_stack,
    "stamina + purgatory": stamina_purgatory,
    "tenacity + purgatory": tenacity_purgatory,
    "tenacity + pybreaker": tenacity_pybreaker,
}


# -- parts of the job: told, not judged; each pipeline does the common work as well


def _alone(pipeline: Pipeline) -> Call:
    return lambda: pipeline.run(provider)


def tenacity_alone() -> Call:
    """Return a call retried by tenacity."""
    return tried_again(bare)


def stamina_alone() -> Call:
    """Return a call retried by stamina."""
    again: Call = stamina.retry(on=DownError, attempts=ATTEMPTS)(bare)
    return again


def purgatory_alone() -> Call:
    """Return a call behind purgatory's breaker."""
    breakers = purgatory.AsyncCircuitBreakerFactory()

    async def call() -> None:
        async with await breakers.get_breaker("provider"):
            await provider()

    return call


def pybreaker_alone() -> Call:
    """Return a call behind pybreaker's breaker."""
    breaker = pybreaker.CircuitBreaker()

    async def call() -> None:
        with breaker.calling():
            await provider()

    return call


async def limited() -> None:
    """Call within the standard library's limit in time."""
    async with asyncio.timeout(TOTAL_SECONDS):
        await provider()


PARTS: dict[str, Callable[[], Call]] = {
    "no guard at all": lambda: bare,
    "asyncio.timeout": lambda: limited,
    "fleetwright: Timeout": lambda: _alone(Pipeline("it", Timeout(TOTAL_SECONDS))),
    "tenacity": tenacity_alone,
    "stamina": stamina_alone,
    "fleetwright: Timeout, Retry": lambda: _alone(
        Pipeline("it", Timeout(TOTAL_SECONDS), Retry(ATTEMPTS))
    ),
    "purgatory": purgatory_alone,
    "pybreaker": pybreaker_alone,
    "fleetwright: CircuitBreaker": lambda: _alone(
        Pipeline("it", CircuitBreaker(), unbounded_because="a part is measured")
    ),
    "fleetwright: Bulkhead": lambda: _alone(
        Pipeline("it", Bulkhead(PLACES), unbounded_because="a part is measured")
    ),
}


async def nanoseconds(call: Call, calls: int) -> float:
    """Return the CPU time of one call.

    Args:
        call: Makes one call.
        calls: How many are made.
    """
    began = time.thread_time_ns()
    for _ in range(calls):
        await call()
    return (time.thread_time_ns() - began) / calls


async def measured(contenders: dict[str, Call], rounds: int, calls: int) -> list[float]:
    """Return the median of each contender, all of them taking turns.

    Args:
        contenders: Calls by name.
        rounds: How many turns each has.
        calls: How many calls a turn.
    """
    found: list[list[float]] = [[] for _ in contenders]
    for call in contenders.values():
        await nanoseconds(call, calls)  # warm
    for _ in range(rounds):
        for took, call in zip(found, contenders.values(), strict=True):
            took.append(await nanoseconds(call, calls))
    return [statistics.median(took) for took in found]


async def compared(arguments: argparse.Namespace) -> int:
    """Measure everything, print it, and return the exit status.

    Args:
        arguments: How many rounds and calls.
    """
    made = {name: make() for name, make in {**WHOLE_JOB, **PARTS}.items()}
    medians = await measured(made, arguments.rounds, arguments.calls)
    costs = dict(zip(made, medians, strict=True))
    ours_costs = costs[OURS]
    print(f"the whole job{'':27}{'ns a call':>10}{'of ours':>9}")
    for name in WHOLE_JOB:
        print(f"  {name:38}{costs[name]:10,.0f}{costs[name] / ours_costs:9.2f}")
    print("parts of it")
    for name in PARTS:
        print(f"  {name:38}{costs[name]:10,.0f}{costs[name] / ours_costs:9.2f}")
    fastest = min(WHOLE_JOB, key=costs.__getitem__)
    if fastest != OURS:
        print(f"not the fastest: {fastest} is")
        return 1
    if ours_costs > MOST_NANOSECONDS:
        print(f"over the budget of {MOST_NANOSECONDS:,} ns")
        return 1
    return 0


def main() -> int:
    """Run the benchmark and return its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=20_000)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(compared(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
