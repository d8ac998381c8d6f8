"""The table of outcomes: what the breaker learns, and whether a call is sent again."""

import asyncio
from contextlib import suppress

import pytest

from fleetwright._deadline import Deadline
from fleetwright.errors import DeadlineExceeded, Reason, Refused, Unavailable
from fleetwright.resilience import (
    Attempt,
    Bulkhead,
    CallRejected,
    CircuitBreaker,
    Pipeline,
    PolicyEvent,
    Retry,
    RetryStopped,
    Timeout,
)
from fleetwright.testing import FakeClock


class NoChance:
    """A source of chance that always draws the lowest number."""

    def uniform(self, a: float, b: float) -> float:
        """Return `a`."""
        return a


def pipeline(
    told: list[PolicyEvent] | None = None, *, failures: int = 10, attempts: int = 3
) -> Pipeline:
    """Return the default guards, with no wait between attempts."""
    return Pipeline(
        "it",
        Timeout(2.0),
        Retry(attempts, random=NoChance()),
        CircuitBreaker(consecutive_failures=failures),
        Bulkhead(32, waiting=16),
        Timeout(1.0),
        listener=None if told is None else told.append,
    )


def failure(
    reason: Reason, status: int | None = None, after: float | None = None
) -> Unavailable:
    """Return a failure of one kind."""
    return Unavailable("no", reason=reason, status=status, retry_after_seconds=after)


def counted(guarded: Pipeline) -> tuple[object, object]:
    """Return how many attempts the breaker counted, and how many failed."""
    facts = guarded.facts()["breaker"]
    assert isinstance(facts, dict)
    return facts["calls"], facts["failed"]


TABLE = [
    # error, may it have been processed, sends when repeatable / when not, counted
    (failure("connect"), False, 3, 3, (3, 3)),
    (failure("timeout"), False, 3, 1, (3, 3)),
    (failure("reset"), False, 3, 1, (3, 3)),
    (failure("status", 502), False, 3, 1, (3, 3)),
    (failure("status", 503), False, 3, 1, (3, 3)),
    (failure("status", 503), True, 3, 3, (3, 3)),
    (failure("status", 504), False, 3, 1, (3, 3)),
    (failure("status", 429), False, 1, 1, (0, 0)),
    (failure("status", 429, 0.1), False, 3, 1, (0, 0)),
    (failure("status", 429, 60.0), False, 1, 1, (0, 0)),
    (failure("status", 500), False, 1, 1, (1, 1)),
    (failure("invalid_answer", 200), False, 1, 1, (1, 0)),
    (failure("rejected"), False, 1, 1, (0, 0)),
    (DeadlineExceeded(), False, 1, 1, (0, 0)),
    (Refused("no", status=404), False, 1, 1, (1, 0)),
    (ValueError("a mistake of ours"), False, 1, 1, (0, 0)),
]


@pytest.mark.parametrize(
    ("error", "not_processed", "sends", "sends_once", "learnt"), TABLE, ids=repr
)
async def test_each_outcome_is_judged_as_the_table_says(
    clock: FakeClock,
    error: Exception,
    not_processed: bool,
    sends: int,
    sends_once: int,
    learnt: tuple[int, int],
) -> None:
    """Retried or not, counted or not: the two are decided apart."""
    made = 0

    async def send(attempt: Attempt) -> None:
        nonlocal made
        made += 1
        attempt.not_processed = not_processed
        raise error

    guarded = pipeline()
    with pytest.raises(type(error)):
        await guarded.send(send, repeatable=True)
    assert (made, counted(guarded)) == (sends, learnt)

    made = 0
    with pytest.raises(type(error)):
        await pipeline().send(send, repeatable=False)
    assert made == sends_once


async def hang() -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def test_attempt_that_had_all_its_time_counts_as_failed(clock: FakeClock) -> None:
    """The provider was too slow, not the caller too hasty."""
    guarded = pipeline(attempts=1)

    with pytest.raises(Unavailable, match="within 1 s"):
        await guarded.run(hang)

    assert counted(guarded) == (1, 1)


async def test_time_is_compared_with_what_floats_can_tell(clock: FakeClock) -> None:
    """(now + 0.3) - now is not always 0.3: the attempt had all its time even so."""
    guarded = Pipeline("it", Timeout(1.0), CircuitBreaker(), Timeout(0.3))

    for _ in range(9):
        clock.advance(0.1)
        with pytest.raises(Unavailable):
            await guarded.run(hang)

    assert counted(guarded)[1] == 9


async def test_attempt_cut_short_by_the_caller_is_not_counted(clock: FakeClock) -> None:
    """A hasty caller says nothing about the provider."""
    guarded = pipeline()

    with pytest.raises(DeadlineExceeded), Deadline.after(0.9):
        await guarded.run(hang)

    assert counted(guarded) == (0, 0)


async def test_whole_call_is_the_measure_where_attempts_have_no_limit(
    clock: FakeClock,
) -> None:
    """Else a provider that hangs would never open the circuit."""
    guarded = Pipeline("it", Timeout(1.0), CircuitBreaker(), Bulkhead())

    with pytest.raises(DeadlineExceeded):
        await guarded.run(hang)
    with pytest.raises(DeadlineExceeded), Deadline.after(0.5):
        await guarded.run(hang)

    assert counted(guarded) == (1, 1)


async def test_cancelled_attempt_is_not_counted_and_gives_its_place_back(
    clock: FakeClock,
) -> None:
    """Cancelling is no outcome."""
    guarded = pipeline()
    task = asyncio.create_task(guarded.run(hang))
    await asyncio.sleep(0.1)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert counted(guarded) == (0, 0)
    assert guarded.facts()["bulkhead"] == {"places": 32, "used": 0, "waiting": 0}


async def test_rejection_ends_the_call_at_once(clock: FakeClock) -> None:
    """What a policy refuses is not sent, not retried and not waited for."""
    told: list[PolicyEvent] = []
    guarded = pipeline(told, failures=1, attempts=1)
    with suppress(Unavailable):
        await guarded.run(_down)
    told.clear()

    with pytest.raises(Unavailable, match="its circuit is open") as caught:
        await guarded.run(hang)

    assert caught.value.reason == "rejected"
    assert 4.5 <= (caught.value.retry_after_seconds or 0) <= 5.5
    assert told == [CallRejected("it", "breaker", 1)]
    assert clock.elapsed_seconds == 0


async def test_last_real_failure_is_raised_when_the_circuit_opens_meanwhile(
    clock: FakeClock,
) -> None:
    """The second attempt is refused; the caller learns why the first one failed."""
    told: list[PolicyEvent] = []
    guarded = pipeline(told, failures=1)

    with pytest.raises(Unavailable) as caught:
        await guarded.run(_down)

    assert caught.value.status == 503
    assert caught.value.__notes__ == [
        "attempts: 1, stopped by: it fails: its circuit is open"
    ]
    assert told[-1] == RetryStopped("it", 1, "rejected", "status")


async def _down() -> None:
    raise failure("status", 503)


def test_threads_are_guarded_by_the_same_rules() -> None:
    """`run_sync` opens the circuit and is refused by it."""
    guarded = pipeline(failures=1)

    def ask() -> None:
        raise failure("status", 503)

    with pytest.raises(Unavailable) as caught:
        guarded.run_sync(ask)
    assert caught.value.status == 503

    with pytest.raises(Unavailable, match="its circuit is open"):
        guarded.run_sync(ask)
