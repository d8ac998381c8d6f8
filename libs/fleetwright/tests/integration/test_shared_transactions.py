"""Deliveries share a transaction, and each keeps every promise it had alone."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sharing_bank import Bank, Noted, Placed, Reacts, fail, ledger, number, opened, told
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright.events import Consumer, publish
from fleetwright.events._broker import Delivery
from fleetwright.events._envelope import lane_of
from fleetwright.events._inbox import record
from fleetwright.events._pace import SHARE_SECONDS
from fleetwright.events.brokers._memory import MemoryBroker


@pytest.fixture(params=["sqlite", "postgresql"])
async def bank(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bank]:
    """Return a bank on each kind of database."""
    url = f"sqlite+aiosqlite:///{tmp_path}/bank.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    async with opened(url) as made:
        yield made


async def test_failing_reaction_in_the_middle_fails_alone(bank: Bank) -> None:
    """It is undone and parked; those before and after it ran once and are committed."""
    bank.then[3] = fail

    settled = await bank.settle(told(1, 2, 3, 4, 5))

    assert settled == [1, 2, 3, 4, 5]
    assert bank.heard == [1, 2, 3, 4, 5]
    assert await bank.effects() == [1, 2, 4, 5]
    assert (await bank.known(), len(await bank.parked())) == (4, 1)


async def test_statement_that_fails_undoes_its_reaction_only(bank: Bank) -> None:
    """Also where the database refuses it in the middle of a flush."""

    async def twice(event: Placed, transaction: AsyncSession) -> None:
        taken = await transaction.scalar(select(ledger.c.i).limit(1))
        await transaction.execute(insert(ledger).values(i=taken, n=event.n))

    bank.then[2] = twice

    assert await bank.settle(told(1, 2, 3)) == [1, 2, 3]
    assert bank.heard == [1, 2, 3]
    assert await bank.effects() == [1, 3]


async def test_reaction_that_commits_takes_nobody_with_it(bank: Bank) -> None:
    """The transaction is not its to end: all is undone, and done again one by one."""

    async def commit(event: Placed, transaction: AsyncSession) -> None:
        await transaction.commit()

    bank.then[2] = commit

    assert await bank.settle(told(1, 2, 3)) == [1, 2, 3]
    assert sorted(set(await bank.effects())) == sorted(await bank.effects())
    assert {1, 3} <= set(await bank.effects())


async def test_reaction_that_rolls_back_takes_nobody_with_it(bank: Bank) -> None:
    """What it undid is not taken for handled."""

    async def roll_back(event: Placed, transaction: AsyncSession) -> None:
        await transaction.rollback()

    bank.then[2] = roll_back

    assert await bank.settle(told(1, 2, 3)) == [1, 2, 3]
    assert sorted(await bank.effects()) == [1, 3]
    assert (await bank.known(), len(await bank.parked())) == (2, 1)


async def test_lost_connection_makes_them_be_done_again_one_by_one(
    bank: Bank,
) -> None:
    """Each has one effect, whoever's reaction it was."""
    if bank.database.dialect != "postgresql":
        pytest.skip("a SQLite connection is not lost")
    lost = asyncio.Event()

    async def lose(event: Placed, transaction: AsyncSession) -> None:
        if not lost.is_set():
            lost.set()
            die = text("select pg_terminate_backend(pg_backend_pid())")
            await transaction.execute(die)

    bank.then[3] = lose

    assert await bank.settle(told(1, 2, 3, 4)) == [1, 2, 3, 4]
    assert sorted(await bank.effects()) == [1, 2, 3, 4]
    assert await bank.parked() == []


async def test_deadlock_is_gone_with_those_it_was_between(bank: Bank) -> None:
    """The server ends one of the transactions; it is tried again and goes on."""
    if bank.database.dialect != "postgresql":
        pytest.skip("SQLite has one writer")
    lock = text("select pg_advisory_xact_lock(:lock)")
    base = secrets.randbelow(10**9)
    first_locked = [asyncio.Event(), asyncio.Event()]

    def crossing(mine: int) -> Reacts:
        async def react(event: Placed, transaction: AsyncSession) -> None:
            await transaction.execute(lock, {"lock": base + mine})
            first_locked[mine].set()
            await first_locked[1 - mine].wait()
            await transaction.execute(lock, {"lock": base + 1 - mine})

        return react

    bank.then.update({2: crossing(0), 4: crossing(1)})

    both = list(await asyncio.gather(bank.settle(told(1, 2)), bank.settle(told(3, 4))))

    assert both == [[1, 2], [3, 4]]
    assert sorted(await bank.effects()) == [1, 2, 3, 4]
    assert await bank.parked() == []


async def test_earlier_event_of_a_key_is_committed_when_the_later_runs(
    bank: Bank,
) -> None:
    """Whoever asks from outside the transaction sees what the earlier did."""
    seen: list[list[int]] = []

    async def look(event: Placed, transaction: AsyncSession) -> None:
        seen.append(await bank.effects())

    bank.then[3] = look

    await bank.settle([*told(1, 2), *told(3, key="order-1"), *told(4)])

    assert set(seen[0]) >= {1}


async def test_what_a_failed_reaction_published_is_not_told(bank: Bank) -> None:
    """Events of the others are written with the one commit, in order."""

    async def tell(event: Placed, transaction: AsyncSession) -> None:
        publish(transaction, Noted(order_id=bank.group, n=event.n))
        if event.n == 2:
            raise RuntimeError("bank is shut")

    bank.then.update({1: tell, 2: tell, 3: tell})

    await bank.settle(told(1, 2, 3))

    assert await bank.noted() == [1, 3]


async def test_savepoint_of_a_reaction_is_its_own(bank: Bank) -> None:
    """It may undo a part of its work, and go on."""

    async def half(event: Placed, transaction: AsyncSession) -> None:
        for n in (20, 21):
            async with transaction.begin_nested() as savepoint:
                await transaction.execute(insert(ledger).values(grp=bank.group, n=n))
                if n == 20:
                    await savepoint.rollback()

    bank.then[2] = half

    await bank.settle(told(1, 2, 3))

    assert await bank.effects() == [1, 2, 21, 3]


async def test_drain_ends_a_batch_after_the_reaction_that_runs(bank: Bank) -> None:
    """What was begun is committed and acknowledged, the rest is left to others."""
    broker = MemoryBroker()
    consumer = Consumer(bank.database, broker, bank.subscriptions, group=bank.group)
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def wait(event: Placed, transaction: AsyncSession) -> None:
        begun.set()
        await may_end.wait()

    bank.then[2] = wait
    keys = [key for n in range(200) if lane_of(key := f"order-{n}") == 3]
    coming = [told(n, key=keys[n])[0].message for n in (1, 2, 3, 4)]
    await consumer.open()
    await broker.publish(coming)
    async with asyncio.timeout(60):
        await begun.wait()
        draining = asyncio.create_task(consumer.drain())
        await asyncio.sleep(0)
        may_end.set()
        await draining
    await consumer.close()

    assert await bank.effects() == [1, 2]
    assert await bank.known() == 2
    heir = await broker.subscribe(bank.group, ["orders.placed"])
    assert [number(one) for one in await heir.receive(9)] == [3, 4]


async def test_slow_reaction_ends_its_batch(bank: Bank) -> None:
    """Nobody waits long for the rows of others' transactions."""

    async def wait(event: Placed, transaction: AsyncSession) -> None:
        await asyncio.sleep(2 * SHARE_SECONDS)

    async def look(event: Placed, transaction: AsyncSession) -> None:
        assert await bank.effects() == [1, 2]

    bank.then.update({2: wait, 3: look})

    assert await bank.settle(told(1, 2, 3)) == [1, 2, 3]
    assert await bank.parked() == []


async def test_waiting_for_others_ends_no_batch(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where turns are scarce, as much as ever is done at one."""
    share_seconds = 10 * SHARE_SECONDS  # ample for three looks on a busy machine
    monkeypatch.setattr("fleetwright.events._sharing.SHARE_SECONDS", share_seconds)
    deliveries = told(1, 2, 3)
    before = [told(10 + n, key=f"order-{n}")[0] for n in (1, 2, 3)]
    settler, has_turn = bank.settler(), asyncio.Event()
    await settler.settle_all(before, {}, goes_on=lambda: True)  # it owns the lanes now

    async def keep_turn() -> None:
        async with bank.database.transaction() as transaction:
            await record(transaction, bank.group, deliveries[0].message.id)
            has_turn.set()
            await asyncio.sleep(2 * share_seconds)
            await transaction.rollback()

    async def look(event: Placed, transaction: AsyncSession) -> None:
        assert await bank.effects() == [11, 12, 13]

    bank.then[3] = look
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keep_turn())
        await has_turn.wait()
        await settler.settle_all(deliveries, {}, goes_on=lambda: True)

    assert await bank.effects() == [11, 12, 13, 1, 2, 3]
    assert await bank.parked() == []


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["fine", "fine", "fails"])),
        max_size=12,
    ),
    st.integers(1, 5),
)
def test_each_key_is_as_if_its_events_came_alone(
    plan: list[tuple[str, str]], limit: int
) -> None:
    """Law: one effect each, in order, up to the first that fails; the rest waits."""

    async def run() -> None:
        async with opened("sqlite+aiosqlite://") as bank:
            deliveries = []
            for n, (key, what) in enumerate(plan):
                deliveries += told(n, key=key)
                if what == "fails":
                    bank.then[n] = fail
            settler, done = bank.settler(), dict[int, Delivery]()
            settler._pace.limit = limit
            await settler.settle_all(deliveries, done, goes_on=lambda: True)
            effects, parked = await bank.effects(), len(await bank.parked())
        expected = {
            key: fine_before_failing([n for n, (k, _) in enumerate(plan) if k == key])
            for key in "abc"
        }
        for key in "abc":
            assert [n for n in effects if plan[n][0] == key] == expected[key]
        assert len(done) == len(plan)
        assert parked == len(plan) - len(effects)

    def fine_before_failing(numbers: list[int]) -> list[int]:
        fine = []
        for n in numbers:
            if plan[n][1] == "fails":
                break
            fine.append(n)
        return fine

    asyncio.run(run())
