"""Faults that are switched on strike; the rest of the time nothing does."""

import asyncio
from datetime import UTC, datetime
from typing import Protocol

import pytest
from pydantic import ValidationError

from fleetwright import _faults
from fleetwright._context import bind, new_call
from fleetwright._deadline import Deadline
from fleetwright._faults import Fault, FaultList, Plan
from fleetwright._problem import Problem
from fleetwright.errors import DeadlineExceeded, Unavailable
from fleetwright.resilience import Pipeline, Retry, Timeout
from fleetwright.rest import Request, Response, get, post, rest
from fleetwright.testing import FakeClock, Faults


class Things(Protocol):
    """What the tests call."""

    @get("/v1/things")
    async def count(self) -> int:
        """Return a number."""
        ...

    @post("/v1/things")
    async def add(self) -> int:
        """Add one, without a key."""
        ...


class Wire:
    """A transport that answers 7 and counts what reaches it."""

    def __init__(self) -> None:
        """Begin with nothing sent."""
        self.sent = 0

    async def open(self) -> None:
        """Be ready."""

    async def close(self) -> None:
        """Nothing was taken."""

    async def exchange(self, request: Request) -> Response:
        """Answer."""
        self.sent += 1
        return Response(200, {"content-type": "application/json"}, b"7")


def client(wire: Wire, attempts: int = 3) -> Things:
    """Return a client of `catalog` over a wire."""
    pipeline = Pipeline("catalog", Timeout(2.0), Retry(attempts=attempts), Timeout(0.5))
    return rest(Things, provider="catalog", pipeline=pipeline, transport=wire)


async def test_nothing_is_planned_unless_it_is_switched_on() -> None:
    """Without a plan calls only look once at a name that is None."""
    assert _faults.plan is None


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"error": 503}, "status"),
        ({"drop": "reset"}, "reset"),
        ({"drop": "refused"}, "connect"),
        ({"drop": "silence"}, "timeout"),
    ],
)
async def test_injected_failure_is_like_a_real_one_and_says_what_it_is(
    clock: FakeClock, faults: Faults, how: dict[str, object], reason: str
) -> None:
    """Nothing is sent, each attempt is struck, the failure has the real reason."""
    wire = Wire()
    faults.add("*->catalog", **how)  # type: ignore[arg-type]

    with pytest.raises(Unavailable) as failed:
        await client(wire).count()

    assert failed.value.reason == reason
    assert (reason == "timeout") or "injected by fault f1" in failed.value.message
    assert "attempts: 3, stopped by: attempts" in failed.value.__notes__
    assert (wire.sent, faults.struck["*->catalog"]) == (0, 3)


async def test_retry_gets_through_where_only_a_share_is_struck(
    clock: FakeClock, faults: Faults
) -> None:
    """The draws are per attempt: with half of them struck a call succeeds."""
    wire = Wire()
    faults.add("*->catalog", error=503, share=0.5)

    answers = [await client(wire).count() for _ in range(3)]

    assert answers == [7, 7, 7]
    assert faults.struck["*->catalog"] > 0


async def test_status_of_an_injected_error_is_judged_as_a_real_one(
    clock: FakeClock, faults: Faults
) -> None:
    """A POST without a key that was answered 503 is not sent again."""
    wire = Wire()
    faults.add("*->catalog", error=503)

    with pytest.raises(Unavailable) as failed:
        await client(wire).add()

    assert failed.value.status == 503
    assert faults.struck["*->catalog"] == 1


async def test_delay_is_cut_by_the_limit_of_the_attempt(
    clock: FakeClock, faults: Faults
) -> None:
    """A delay longer than an attempt may take is a timeout, within the total."""
    faults.add("*->catalog", delay_seconds=5)

    with pytest.raises(Unavailable) as failed:
        await client(Wire()).count()

    assert failed.value.reason in {"timeout", "deadline"}
    assert clock.elapsed_seconds <= 2.0


async def test_delayed_call_goes_on(clock: FakeClock, faults: Faults) -> None:
    """A short delay only costs its time."""
    faults.add("*->catalog", delay_seconds=0.25)

    assert await client(Wire()).count() == 7
    assert clock.elapsed_seconds == pytest.approx(0.25, abs=0.01)


async def test_only_the_named_edge_is_struck(clock: FakeClock, faults: Faults) -> None:
    """Caller and provider both have to fit."""
    wire = Wire()
    faults.add("orders->catalog", error=503)
    faults.add("*->payments", error=503)

    with bind(new_call("storefront")):
        assert await client(wire).count() == 7
    with bind(new_call("orders")), pytest.raises(Unavailable):
        await client(wire).count()

    assert faults.struck == {"orders->catalog": 3}


async def test_fault_ends_by_itself(clock: FakeClock, faults: Faults) -> None:
    """After its time calls go through again."""
    wire = Wire()
    faults.add("*->catalog", drop="refused", for_seconds=10)
    with pytest.raises(Unavailable):
        await client(wire).count()

    await asyncio.sleep(10)

    assert await client(wire).count() == 7


async def test_cleared_faults_strike_no_more_and_are_counted_still(
    clock: FakeClock, faults: Faults
) -> None:
    """`clear` switches off and keeps the count."""
    faults.add("*->catalog", error=500)
    with pytest.raises(Unavailable):
        await client(Wire()).count()

    faults.clear()

    assert await client(Wire()).count() == 7
    assert (faults.struck["*->catalog"], _faults.plan) == (1, None)


async def strikes(seed: int, calls: int) -> list[bool]:
    """Return which of the calls a fault of 30 % strikes."""
    fault = Fault(id="f1", edge="*->catalog", error=503, share=0.3)
    plan = Plan(FaultList(seed=seed, faults=(fault,)), "orders")
    struck = []
    for _ in range(calls):
        try:
            await plan.strike("catalog")
        except Unavailable:
            struck.append(True)
        else:
            struck.append(False)
    return struck


async def test_same_seed_strikes_the_same_calls(clock: FakeClock) -> None:
    """A printed seed replays a run; another seed is another run."""
    once = await strikes(7, 400)

    assert once == await strikes(7, 400)
    assert once != await strikes(8, 400)
    assert 80 < sum(once) < 160


async def test_fault_that_stays_goes_on_with_its_draws(clock: FakeClock) -> None:
    """Another fault beside it neither resets its count nor its chance."""
    fault = Fault(id="f1", edge="*->catalog", error=503)
    other = Fault(id="f2", edge="*->payments", error=503)
    plan = Plan(FaultList(faults=(fault,)))
    with pytest.raises(Unavailable):
        await plan.strike("catalog")

    after = Plan(FaultList(faults=(other, fault)), before=plan)

    assert after.struck() == {"f2": 0, "f1": 1}


async def test_delays_add_up_and_the_first_failure_ends_the_call(
    clock: FakeClock,
) -> None:
    """Faults strike in their order."""
    plan = Plan(
        FaultList(
            faults=(
                Fault(id="a", edge="*->*", delay_seconds=1),
                Fault(id="b", edge="*->*", delay_seconds=2, error=502),
                Fault(id="c", edge="*->*", drop="refused"),
            )
        )
    )

    with pytest.raises(Unavailable) as failed:
        await plan.strike("catalog")

    assert (failed.value.status, clock.elapsed_seconds) == (502, 3)
    assert plan.struck() == {"a": 1, "b": 1, "c": 0}


async def test_provider_answers_what_comes_in_with_the_fault(
    clock: FakeClock, faults: Faults
) -> None:
    """At the provider the answer is a real problem, marked as injected."""
    faults.add("*->catalog", error=503, at="provider")
    assert _faults.plan is not None

    with pytest.raises(Problem) as answered:
        await _faults.plan.strike_arrival(new_call("catalog"))
    await _faults.plan.strike("catalog")

    assert answered.value.status == 503
    assert answered.value.headers == {"Fleet-Fault": "f1"}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"edge": "orders", "error": 503}, "caller->provider"),
        ({"edge": "a->b"}, "does nothing"),
        ({"edge": "a->b", "error": 404}, "error"),
        ({"edge": "a->b", "error": 450}, "neither 429"),
        ({"edge": "a->b", "error": 503, "drop": "reset"}, "either"),
        ({"edge": "a->b", "error": 503, "share": 0}, "share"),
        ({"edge": "a->b", "error": 503, "share": 1.5}, "share"),
        ({"edge": "a->b", "delay_seconds": -1}, "delay_seconds"),
        ({"edge": "a->b", "error": 503, "sahre": 0.1}, "sahre"),
        ({"edge": "a->b", "drop": "reset", "at": "provider"}, "silence"),
    ],
)
def test_fault_that_cannot_be_is_refused(wrong: dict[str, object], why: str) -> None:
    """What is wrong is named."""
    with pytest.raises(ValidationError, match=why):
        Fault.model_validate({"id": "f1"} | wrong)


def test_end_of_a_fault_is_read_with_its_zone() -> None:
    """The end is a moment, not a time on somebody's wall."""
    fault = Fault.model_validate(
        {
            "id": "f1",
            "edge": "a->b",
            "error": 503,
            "ends_at": "2026-01-01T01:00:00+01:00",
        }
    )

    assert fault.ends_at == datetime(2026, 1, 1, tzinfo=UTC)


async def test_silence_at_a_provider_ends_with_the_deadline(
    clock: FakeClock, faults: Faults
) -> None:
    """Whoever waits gives up; the wait leaves nothing behind."""
    faults.add("*->catalog", drop="silence", at="provider")
    assert _faults.plan is not None

    with pytest.raises(DeadlineExceeded), Deadline.after(3.0):
        await _faults.plan.strike_arrival(new_call("catalog"))

    assert clock.elapsed_seconds == 3.0
