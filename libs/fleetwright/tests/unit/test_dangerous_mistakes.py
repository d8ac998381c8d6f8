"""The most dangerous mistakes of resilience, each with the test that forbids it.

The numbers are those of the table in docs/design/0004-resilience.md; mistakes 6 and 9
need a network and are in `test_dangerous_mistakes_over_network.py`, those of time in
`test_dangerous_mistakes_of_time.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random

import pytest

from fleetwright.errors import Unavailable
from fleetwright.resilience import (
    Bulkhead,
    CircuitBreaker,
    Pipeline,
    Retry,
    Timeout,
)
from fleetwright.testing import FakeClock


def down(status: int = 503) -> Unavailable:
    """Return what a provider that is down looks like."""
    return Unavailable("it is down", reason="status", status=status)


def breaker_of(guarded: Pipeline) -> dict[str, object]:
    """Return the facts of a pipeline's breaker."""
    facts = guarded.facts()["breaker"]
    assert isinstance(facts, dict)
    return facts


# -- 1. a storm of retries; layers that multiply


class Leaf:
    """The last provider of a chain.

    Attributes:
        is_up: Whether it answers.
        sends: What reached it.
    """

    def __init__(self) -> None:
        """Be up."""
        self.is_up = True
        self.sends = 0

    async def ask(self) -> None:
        """Answer in 2 ms, or fail."""
        self.sends += 1
        await asyncio.sleep(0.002)
        if not self.is_up:
            raise down()


def chained(
    layers: int, below: Callable[[], Awaitable[None]], *, breakers: bool
) -> Callable[[], Awaitable[None]]:
    """Return the entrance of a chain of services, each calling the next one.

    A tier can close only once the one below has: the open times of all three together,
    a tenth more each, stay below the 5 seconds in which the chain has to be back.
    """
    chance = Random(1)  # noqa: S311 - no secret
    for number in range(layers):
        guards = [
            CircuitBreaker(open_seconds=1.0, longest_open_seconds=1.4, random=chance)
        ]
        guarded = Pipeline(
            f"tier-{number}",
            Timeout(2.0),
            Retry(3, random=chance),
            *(guards if breakers else []),
        )

        async def tier(
            guarded: Pipeline = guarded, ask: Callable[[], Awaitable[None]] = below
        ) -> None:
            try:
                await guarded.run(ask)
            except Unavailable as error:
                raise down(502) from error  # what the next tier up is answered

        below = tier
    return below


async def goodput(
    entrance: Callable[[], Awaitable[None]], *, seconds: float, per_second: float
) -> float:
    """Return the share of calls that are answered, at a steady rate."""
    answered = 0

    async def call() -> None:
        nonlocal answered
        with suppress(Unavailable):
            await entrance()
            answered += 1

    calls = round(seconds * per_second)
    tasks = []
    for _ in range(calls):
        tasks.append(asyncio.create_task(call()))
        await asyncio.sleep(1 / per_second)
    await asyncio.gather(*tasks)
    return answered / calls


async def test_1_layers_of_retries_do_not_multiply(clock: FakeClock) -> None:
    """Three layers of three attempts would be 27 sends a call; budgets allow 1.33."""
    leaf = Leaf()
    entrance = chained(3, leaf.ask, breakers=False)
    leaf.is_up = False

    await goodput(entrance, seconds=60, per_second=40)

    calls, reserve = 2_400, 3.31 * (60 + 10)  # 10 in 10 seconds, for each layer
    assert leaf.sends <= calls * 1.1**3 + reserve
    leaf.is_up = True
    assert await goodput(entrance, seconds=5, per_second=40) >= 0.95


async def test_1_breakers_keep_the_storm_away_and_let_the_chain_recover(
    clock: FakeClock,
) -> None:
    """A leaf dead for a minute hears little; 5 s after it heals all is well."""
    leaf = Leaf()
    entrance = chained(3, leaf.ask, breakers=True)
    await goodput(entrance, seconds=2, per_second=100)
    leaf.is_up, leaf.sends = False, 0

    await goodput(entrance, seconds=60, per_second=100)

    assert leaf.sends < 0.02 * 6_000
    leaf.is_up = True
    await goodput(entrance, seconds=5, per_second=100)
    assert await goodput(entrance, seconds=5, per_second=100) >= 0.95


# -- 2. the breaker outside of the retry; rejections tried again


async def test_2_breaker_counts_attempts_and_rejections_end_the_call(
    clock: FakeClock,
) -> None:
    """Exactly as many failing sends as it takes; then none, and no waiting."""
    sends = 0

    async def ask() -> None:
        nonlocal sends
        sends += 1
        raise down()

    guarded = Pipeline(
        "it", Timeout(2.0), Retry(3), CircuitBreaker(consecutive_failures=5)
    )
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await guarded.run(ask)
    assert sends == 5
    assert caught.value.status == 503  # the last real failure, not the rejection
    waited = clock.elapsed_seconds

    for _ in range(100):
        with pytest.raises(Unavailable, match="circuit is open"):
            await guarded.run(ask)

    assert (sends, clock.elapsed_seconds) == (5, waited)


# -- 3. half open: a herd, a stuck probe, closed by the wrong result


async def half_open(clock: FakeClock) -> Pipeline:
    """Return a pipeline whose breaker lets the next call probe."""
    guarded = Pipeline(
        "it",
        Timeout(9.0),
        CircuitBreaker(consecutive_failures=1, successes=1),
        Timeout(1.0),
    )

    async def fail() -> None:
        raise down()

    with suppress(Unavailable):
        await guarded.run(fail)
    await asyncio.sleep(5.6)
    return guarded


async def test_3_fifty_callers_make_one_probe(clock: FakeClock) -> None:
    """The provider that comes back is not trampled down."""
    guarded = await half_open(clock)
    running = most = 0

    async def ask() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.5)
        running -= 1

    calls = [guarded.run(ask) for _ in range(50)]
    results = await asyncio.gather(*calls, return_exceptions=True)

    assert (most, results.count(None)) == (1, 1)


async def test_3_cancelled_probe_changes_nothing(clock: FakeClock) -> None:
    """It is neither a success that closes nor a failure that opens."""
    guarded = await half_open(clock)
    probe = asyncio.create_task(guarded.run(asyncio.sleep, 60))
    await asyncio.sleep(0.1)
    before = breaker_of(guarded)

    probe.cancel()
    with suppress(asyncio.CancelledError):
        await probe

    assert breaker_of(guarded) == before
    assert before["state"] == "half_open"
    await guarded.run(asyncio.sleep, 0)  # its place is free for another probe


async def test_3_probe_that_hangs_opens_it_again(clock: FakeClock) -> None:
    """A probe that swallows its cancellation must not wedge the breaker."""
    guarded = await half_open(clock)

    async def deaf() -> None:
        for _ in range(2):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(1.5)

    stuck = asyncio.create_task(guarded.run(deaf))
    await asyncio.sleep(2.1)
    with pytest.raises(Unavailable, match="circuit is open"):
        await guarded.run(asyncio.sleep, 0)
    await stuck  # its good result comes late

    assert breaker_of(guarded)["state"] == "open"


async def test_3_late_success_does_not_close_it(clock: FakeClock) -> None:
    """Sent before the outage, answered during the probe: it says nothing of now."""
    guarded = Pipeline(
        "it",
        CircuitBreaker(consecutive_failures=1, successes=1),
        unbounded_because="the test waits itself",
    )
    early = [asyncio.create_task(guarded.run(asyncio.sleep, 6.0)) for _ in range(5)]
    await asyncio.sleep(0)

    async def fail() -> None:
        raise down()

    with suppress(Unavailable):
        await guarded.run(fail)
    await asyncio.sleep(5.6)
    probe = asyncio.create_task(guarded.run(asyncio.sleep, 3.0))
    await asyncio.gather(*early)

    assert breaker_of(guarded)["state"] == "half_open"
    await probe
    assert breaker_of(guarded)["state"] == "closed"


# -- 4. a cancellation that leaks a place, or counts as an outcome


async def test_4_ten_thousand_cancellations_leak_nothing(clock: FakeClock) -> None:
    """At any moment, also as a place is handed over: nothing held, nothing counted."""
    chance = Random(4)  # noqa: S311 - no secret
    guarded = Pipeline(
        "it", Timeout(5.0), CircuitBreaker(), Bulkhead(4, waiting=8), Timeout(2.0)
    )
    answered = 0

    async def ask() -> None:
        nonlocal answered
        await asyncio.sleep(chance.choice((0, 0.001, 0.002)))
        answered += 1

    async def cancelled_call() -> None:
        task = asyncio.create_task(guarded.run(ask))
        ticks = chance.randrange(6)
        for _ in range(ticks):
            await asyncio.sleep(0)
        if ticks > 4:
            await asyncio.sleep(0.001)
        task.cancel()
        with suppress(Unavailable, asyncio.CancelledError):
            await task

    for _ in range(1_000):
        await asyncio.gather(*(cancelled_call() for _ in range(10)))

    assert guarded.facts()["bulkhead"] == {"places": 4, "used": 0, "waiting": 0}
    facts = breaker_of(guarded)
    assert (facts["state"], facts["failed"]) == ("closed", 0)
    assert 0 < answered < 10_000
