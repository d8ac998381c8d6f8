"""The most dangerous mistakes of cancelling, deadlines, context and clocks.

The numbers are those of the table in docs/design/0004-resilience.md; the others
are in `test_dangerous_mistakes.py`.
"""

import ast
import asyncio
from collections import Counter
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from random import Random

import pytest
from fastapi import BackgroundTasks, FastAPI

from fleetwright import Deadline, Service, Settings
from fleetwright._clock import use_clock
from fleetwright._context import bind, current_call, new_call
from fleetwright._deadline import current_deadline
from fleetwright._threads import Threads
from fleetwright.errors import DeadlineExceeded, Unavailable
from fleetwright.fastapi import mount
from fleetwright.resilience import (
    Bulkhead,
    CircuitBreaker,
    Hedge,
    Pipeline,
    PolicyEvent,
    Retry,
    Timeout,
)
from fleetwright.testing import FakeClock, JumpingLoop, serving

ROOT = Path(__file__).resolve().parents[4]
TENANT: ContextVar[str] = ContextVar("tenant", default="nobody")


def down(status: int = 503) -> Unavailable:
    """Return what a provider that is down looks like."""
    return Unavailable("it is down", reason="status", status=status)


def breaker_of(guarded: Pipeline) -> dict[str, object]:
    """Return the facts of a pipeline's breaker."""
    facts = guarded.facts()["breaker"]
    assert isinstance(facts, dict)
    return facts


# -- 5. a cancellation that is swallowed


@pytest.mark.parametrize(
    "when", ["completion", "timeout", "backoff", "line", "hand_over", "total"]
)
async def test_5_cancelled_in_the_worst_tick_it_ends_cancelled(
    clock: FakeClock, when: str
) -> None:
    """Never an answer, never an error of ours."""
    bulkhead = Bulkhead(1, waiting=2, wait_seconds=1.0)
    guarded = Pipeline(
        "it", Timeout(2.0), Retry(2, first_seconds=0.5), bulkhead, Timeout(1.0)
    )

    async def ask() -> None:
        if when == "backoff":
            raise down()
        await asyncio.sleep(1.0 if when == "timeout" else 0.25)
        if when == "total":
            await asyncio.sleep(60)

    if when in ("line", "hand_over"):
        bulkhead.enter()
    task = asyncio.create_task(guarded.run(ask))
    at = {"backoff": 0.0, "line": 0.1, "hand_over": 0.1, "timeout": 1.0, "total": 2.0}
    await asyncio.sleep(at.get(when, 0.25))
    if when == "hand_over":
        bulkhead.leave()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert bulkhead.facts()["used"] == (1 if when == "line" else 0)


async def test_5_outer_timeout_keeps_its_type(clock: FakeClock) -> None:
    """`asyncio.timeout` of the caller, in the tick of ours: still `TimeoutError`."""
    guarded = Pipeline("it", Timeout(2.0), Retry(1), Timeout(1.0))

    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.5):
            await guarded.run(asyncio.sleep, 60)

    assert not isinstance(caught.value, Unavailable)


def _is_wait_for(node: ast.Attribute | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom):
        names = [name.name for name in node.names]
        return node.module == "asyncio" and "wait_for" in names
    return node.attr == "wait_for" and ast.unparse(node.value).startswith("asyncio")


def test_5_nothing_in_the_tree_uses_wait_for() -> None:
    """On Python 3.11 it swallows a cancellation in the tick of completion."""
    files = [
        path
        for folder in ("libs", "services", "benchmarks", "scripts", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts
    ]
    users = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.ImportFrom) and _is_wait_for(node)
    ]

    assert len(files) > 100
    assert users == []


# -- 7. deadlines of callers that open a shared breaker


async def test_7_hasty_callers_do_not_open_a_shared_breaker(clock: FakeClock) -> None:
    """A thousand callers without time, and a provider that answers in 20 ms."""
    guarded = Pipeline(
        "it", Timeout(2.0), Retry(3), CircuitBreaker(), Bulkhead(), Timeout(1.0)
    )

    for _ in range(1_000):
        with pytest.raises(DeadlineExceeded), Deadline.after(0.012):
            await guarded.run(asyncio.sleep, 0.02)

    assert (breaker_of(guarded)["state"], breaker_of(guarded)["calls"]) == ("closed", 0)
    await guarded.run(asyncio.sleep, 0.02)


# -- 8. context variables


async def test_8_attempts_see_the_call_and_keep_their_changes(clock: FakeClock) -> None:
    """Deadline, trace and tenant are there in each task; what it sets stays there."""
    hedge = Hedge()
    for _ in range(20):
        hedge.learn(0.01)
    guarded = Pipeline("it", Timeout(2.0), hedge)
    seen: list[tuple[str, str, bool]] = []

    async def ask() -> None:
        call, deadline = current_call(), current_deadline()
        assert call is not None
        assert deadline is not None
        seen.append((call.trace_id, TENANT.get(), deadline.left() < 0.3))
        TENANT.set("changed")
        await asyncio.sleep(0.1)

    TENANT.set("blue")
    with bind(new_call("shop")) as call, Deadline.after(0.3):
        await guarded.run(ask)

    assert seen == [(call.trace_id, "blue", True)] * 2
    assert TENANT.get() == "blue"


async def test_8_threads_see_the_call(clock: FakeClock) -> None:
    """`to_thread` copies the context, and so do the threads of ours."""
    TENANT.set("blue")
    threads = Threads(1)

    in_ours = await threads.run(TENANT.get)
    in_theirs = await asyncio.to_thread(TENANT.get)
    await threads.close()

    assert (in_ours, in_theirs) == ("blue", "blue")


def test_8_executors_are_handed_a_context() -> None:
    """`run_in_executor` copies none by itself: who uses it copies, or needs none."""
    needs_none = {
        "_embedded.py": 1,  # a file's lock
        "_clock.py": 1,  # the loop itself
        "_kafka_producer.py": 1,  # the client of Kafka
        "_kafka_receiver.py": 1,
    }
    used: Counter[str] = Counter()
    for path in (ROOT / "libs" / "fleetwright" / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                copies = "copy_context" in ast.unparse(node)
                if node.func.attr == "run_in_executor" and not copies:
                    used[path.name] += 1

    assert used == needs_none


async def test_8_background_tasks_inherit_no_deadline() -> None:
    """Nobody waits for them: they may take longer than the answer."""
    seen: list[object] = []
    app = FastAPI()

    async def later() -> None:
        seen.append(current_deadline())

    @app.get("/v1/answer")
    async def answer(tasks: BackgroundTasks) -> None:
        seen.append(current_deadline() is None)
        tasks.add_task(later)

    async with serving(mount(app, Service("shop", Settings()))) as http:
        await http.get("/v1/answer")

    assert seen == [False, None]


# -- 10. the clock on the wall


class SteppedClock(FakeClock):
    """A clock whose time of day jumps by hours, as after a wrong NTP answer."""

    def __init__(self, *, steps: bool) -> None:
        """Start with the right time.

        Args:
            steps: Whether it jumps.
        """
        super().__init__()
        self._steps = steps
        self._asked = 0

    def now(self) -> float:
        """Return a time of day that is an hour off, now this way and now that."""
        self._asked += 1
        return super().now() + (3_600 * (-1) ** self._asked if self._steps else 0)

    def asked(self) -> int:
        """Return how often somebody asked."""
        return self._asked


async def _outage(told: list[tuple[float, PolicyEvent]]) -> None:
    """Play an outage of 30 s through a whole pipeline."""
    loop = asyncio.get_running_loop()
    chance = Random(10)  # noqa: S311 - no secret
    guarded = Pipeline(
        "it",
        Timeout(2.0),
        Retry(3, random=chance),
        CircuitBreaker(random=chance),
        Bulkhead(2, waiting=1),
        Timeout(1.0),
        listener=lambda event: told.append((loop.time(), event)),
    )
    began = loop.time()

    async def ask() -> None:
        await asyncio.sleep(0.02)
        if 5 < loop.time() - began < 35:
            raise down()

    for _ in range(600):
        with suppress(Unavailable), Deadline.after(1.5):
            await guarded.run(ask)
        await asyncio.sleep(0.1)


def test_10_steps_of_the_wall_clock_change_nothing() -> None:
    """The same outage, with and without: the same events at the same moments."""
    logs: list[list[tuple[float, PolicyEvent]]] = []
    for steps in (False, True):
        stepped = SteppedClock(steps=steps)
        loop = JumpingLoop(stepped)
        told: list[tuple[float, PolicyEvent]] = []
        with use_clock(stepped):
            loop.run_until_complete(_outage(told))
        loop.close()
        assert stepped.asked() == 0  # no policy looks at the wall
        logs.append(told)

    assert len(logs[0]) > 50
    assert logs[0] == logs[1]
