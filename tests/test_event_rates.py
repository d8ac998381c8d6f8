"""The benchmark of events can be run, says what is missed, and notices a broken run."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from event_rates import job as jobs
from event_rates import plan
from event_rates.budgets import verdicts
from event_rates.job import Job, Seen, produce
from event_rates.processes import Broken, Player
from event_rates.runs import Rates, audited

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "venv-bench" / "bin" / "python"


def events(python: str, *words: str) -> tuple[int, Any, str]:
    """Return the exit code, the JSON answer and the progress of the command."""
    done = subprocess.run(
        [python, str(ROOT / "benchmarks" / "events.py"), *words, "--json"],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    return done.returncode, json.loads(done.stdout), done.stderr


def test_embedded_needs_no_server_and_no_peer() -> None:
    """Every run of ours has figures, and its budget beside it."""
    code, told, progress = events(
        sys.executable, "--only", "embedded", "--events", "60"
    )

    assert code == 0, progress
    embedded = told["brokers"]["embedded"]
    assert list(embedded["runs"]) == [run.name for run in plan.plan("", 60)]
    assert all(rates["per_second"] > 0 for rates in embedded["runs"].values())
    assert [each["budget"] for each in embedded["budgets"]] == [">= 3,000", "< 5 ms"]
    assert "embedded 1/5: ours" in progress


@pytest.mark.skipif(not BENCH.exists(), reason="scripts/bench-env was not run")
@pytest.mark.parametrize("kind", ["rabbit", "kafka"])
def test_peers_keep_what_they_promise(
    kind: str, postgres_url: str, request: pytest.FixtureRequest
) -> None:
    """Ours and FastStream's, on real servers: no effect is lost, doubled or early."""
    url = request.getfixturevalue(f"{kind}_url")
    names = [plan.OURS, plan.BY_HAND, plan.PLAIN, plan.BY_HAND_TOGETHER]
    names += [plan.OUR_RELAY, plan.PUBLISHING]
    words = ("--only", kind, f"--{kind}", url, "--postgres", postgres_url)

    code, told, progress = events(
        str(BENCH), *words, "--events", "200", "--runs", *names
    )

    assert code == 0, progress
    assert set(names) == set(told["brokers"][kind]["runs"])
    budgets = {each["what"]: each for each in told["brokers"][kind]["budgets"]}
    assert budgets["ours / by hand, in order"]["budget"] == ">= 1.5"
    assert budgets["ours / plain"]["budget"] == ">= 0.5"
    assert budgets["our relay alone / FastStream publishing alone"]["cpu"] > 0


def test_server_that_is_not_there_breaks_the_run() -> None:
    """The reason is told, and the exit code is not 0."""
    nowhere = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"
    amqp = "amqp://nobody@127.0.0.1:1/"

    code, told, progress = events(
        sys.executable,
        *("--only", "rabbit", "--rabbit", amqp, "--postgres", nowhere),
        *("--runs", plan.OURS_IDLE),
    )

    assert code == 1
    assert "not there" in told["brokers"]["rabbit"]["broken"][plan.OURS_IDLE]
    assert "not there" in progress


def test_process_that_fails_says_why() -> None:
    """What it logged last is part of the reason."""
    with ExitStack() as stack, pytest.raises(Broken, match="did not get ready") as said:
        Player(stack, "ours", Job(broker="nonsense://x", count=1), "consume")

    assert "nonsense" in str(said.value)


async def test_consumer_gives_up_when_nothing_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A lost event ends the run; it does not wait for ever."""
    monkeypatch.setattr(jobs, "STALLED_SECONDS", 0.01)
    seen = Seen(3)
    seen.add(0, 0.0)
    seen.add(0, 0.0)

    report = await seen.wait()

    assert len(report.waits) == 1


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ((0, 256, 1), None),
        ((256, 0, 1), "before an earlier"),
        ((0, 256), "2 of them with an effect"),
        ((0, 256, 1, 1), "4 effects"),
    ],
)
async def test_database_is_asked(
    tmp_path: Path, numbers: tuple[int, ...], reason: str | None
) -> None:
    """Lost, doubled and overtaken effects are found where they are."""
    url = f"sqlite+aiosqlite:///{tmp_path}/consuming.db"
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(
            text("create table effect(id integer primary key, number, customer)")
        )
        for number in numbers:
            await connection.execute(
                text("insert into effect(number, customer) values (:number, :key)"),
                {"number": number, "key": jobs.key_of(number)},
            )
    await engine.dispose()
    job = Job(broker="", count=3, consuming=url)

    if reason is None:
        await audited("ours", job)
        return
    with pytest.raises(Broken, match=reason):
        await audited("ours", job)


async def test_events_of_a_transaction_have_different_keys() -> None:
    """And a key belongs to one task, which publishes its events in order."""
    full = next(run.job for run in plan.plan("", 5000) if run.job.a_transaction > 1)
    made: list[int] = []

    async def sell(numbers: Any, _: float) -> None:
        assert len({jobs.key_of(number) for number in numbers}) == len(numbers)
        assert len({number % full.publishers for number in numbers}) == 1
        made.extend(numbers)

    await produce(full, sell)

    assert sorted(made) == list(range(5000))
    assert jobs.KEYS % full.publishers == 0


def test_budget_is_met_or_missed() -> None:
    """Ratios are of events a second; what was not run is not judged."""
    figures = {
        plan.OURS: Rates(900.0, 1.0, 1.0, 100.0, 40.0, 1.0),
        plan.BY_HAND: Rates(600.0, 1.0, 1.0, 400.0, 40.0, 1.0),
        plan.PLAIN: Rates(2000.0, 1.0, 1.0, 100.0, 40.0, 1.0),
    }

    by_hand, plain = verdicts("rabbit", figures)

    assert (by_hand.value, by_hand.met, by_hand.cpu) == (1.5, True, 0.25)
    assert (plain.value, plain.met) == (0.45, False)
    assert "missed" in str(plain)
