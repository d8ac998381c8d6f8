"""Parked events keep the order of their key, whoever handles the lane meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from parked_bank import Bank, Placed, told
from sqlalchemy import text

from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, Redelivery
from fleetwright.events import _inbox as inbox
from fleetwright.events import _parking as parking
from fleetwright.events._broker import Delivery
from fleetwright.events._inbox import Seen
from fleetwright.events._parking import State, Verdict
from fleetwright.events._settling import Outcome
from fleetwright.events._tables import CONSUMER_TABLES, ensure

NOW = Verdict(1, 0.0, "failed", State.RETRY)


@pytest.fixture(params=["sqlite", "postgresql"])
async def bank(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bank]:
    """Return a group on each kind of database."""
    url = f"sqlite+aiosqlite:///{tmp_path}/bank.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    database = AsyncDatabase(url)
    number = "integer primary key autoincrement"
    if request.param == "postgresql":
        number = "bigint generated always as identity"
    async with database.transaction() as transaction:
        await transaction.execute(
            text(
                "create table if not exists"
                f" parked_order_ledger(i {number}, grp text, n int)"
            )
        )
    await ensure(database, CONSUMER_TABLES)
    made = Bank(database)
    made.subscriptions.on(Placed, redelivery=Redelivery(50, 0.01))(made.keep)
    yield made
    await database.close()


@pytest.fixture
def server_bank(bank: Bank) -> Bank:
    """Return a group on PostgreSQL: transactions that overlap."""
    if bank.database.dialect != "postgresql":
        pytest.skip("SQLite has one writer: its transactions do not overlap")
    return bank


async def test_worker_that_was_paused_is_shut_out_until_the_lane_is_its_again(
    bank: Bank,
) -> None:
    """A new tenure shuts out the earlier one; who is handed the lane again goes on."""
    paused, heir = bank.worker(), bank.worker()
    first, second, third = told(1, 2, 3)
    await paused.deliver(first)
    await heir.deliver(second)

    late = await paused.deliver(third)
    again = await paused.deliver(third)

    assert (late, again) == (Outcome.FENCED, Outcome.HANDLED)
    assert await bank.effects() == [1, 2, 3]


async def test_broker_that_counts_from_anew_shuts_nobody_out(bank: Bank) -> None:
    """The fence is raised by the consumer's database, whatever a broker counts."""
    await bank.worker().deliver(told(1, epoch=900)[0])

    outcome = await bank.worker().deliver(told(2, epoch=0)[0])

    assert outcome is Outcome.HANDLED


async def test_lanes_of_two_streams_have_fences_of_their_own(bank: Bank) -> None:
    """Where a broker shares out lanes per topic, their owners differ."""
    message = told(1)[0].message
    long_topic = "t" * 200
    placed = Delivery(message, 3, 1, 1, "orders.placed")
    first = await bank.hold(placed)
    again = await bank.hold(placed)
    other = await bank.hold(Delivery(message, 3, 1, 1, long_topic))

    assert (first.epoch, again.epoch, other.epoch) == (1, 2, 1)
    assert len(other.fence) <= 200


async def test_order_of_the_parked_is_not_the_position_of_the_broker(
    bank: Bank,
) -> None:
    """A broker that was emptied counts from anew; what came later is behind."""
    bank.failing.add(1)
    first, second = told(1, 2)
    message = first.message
    await bank.worker().deliver(Delivery(message, message.lane, 1, position=900))
    await bank.worker().deliver(second)
    bank.failing.clear()

    places = [(one.message.id, one.seq) for one in await bank.parked()]
    assert places == [(message.id, 1), (second.message.id, 2)]


async def test_event_that_is_parked_twice_is_parked_once(bank: Bank) -> None:
    """It stays where it is, also when it comes from another place."""
    bank.failing.add(1)
    first, second = told(1, 2)
    for coming in (first, second, first, second):
        assert await bank.worker().deliver(coming) is Outcome.PARKED

    assert [one.seq for one in await bank.parked()] == [1, 2]


async def test_database_of_before_goes_on(tmp_path: Path) -> None:
    """Tables without the newer index get it; an event that is there twice stays once.

    Rows were in the order of the broker's positions: later ones are behind them.
    """
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/old.db")
    await ensure(database, CONSUMER_TABLES)
    row = (
        "insert into fleet_parked(grp,key,seq,lane,msg_id,topic,headers,body,attempts,"
        "next_at,state) values ('bank','a',{seq},1,'{id}','orders.placed','{{}}',x'78',"
        "1,0,0)"
    )
    async with database.transaction() as transaction:
        await transaction.execute(text("drop index fleet_parked_once"))
        for seq, id in ((41, "m1"), (77, "m2"), (90, "m1")):
            await transaction.execute(text(row.format(seq=seq, id=id)))

    await ensure(database, CONSUMER_TABLES)

    hold = inbox.Hold("bank", "", 1, 1)
    async with database.transaction() as transaction:
        await parking.park(transaction, hold, told(3)[0].message, NOW)
        found = await parking.everything(transaction, "bank")
    assert [one.seq for one in found] == [41, 77, 78]
    await database.close()


async def test_two_workers_park_behind_one_key_at_once(server_bank: Bank) -> None:
    """Both are kept, each at a place of its own: none is acknowledged and lost."""
    bank = server_bank
    one, other = told(1, 2)
    hold = await bank.hold(one)
    async with bank.database.transaction() as first:
        assert await parking.park(first, hold, one.message, NOW)

        async def park_other() -> bool:
            async with bank.database.transaction() as second:
                return await parking.park(second, hold, other.message, NOW)

        parking_other = asyncio.create_task(park_other())
        await waits_for_a_lock(bank.database, parking_other)
    assert await parking_other

    assert [found.seq for found in await bank.parked()] == [1, 2]


async def test_event_whose_turn_comes_while_its_head_is_retried_waits_behind_it(
    server_bank: Bank,
) -> None:
    """The head's row is deleted, but not yet committed: it still holds the key back."""
    bank = server_bank
    bank.failing.add(1)
    first, second, third = told(1, 2, 3)
    worker, redeliverer = bank.worker(), bank.redeliverer()
    await worker.deliver(first)
    bank.failing.clear()
    bank.running[1], bank.held[1] = asyncio.Event(), asyncio.Event()
    (head,) = await bank.parked()
    retrying = asyncio.create_task(redeliverer._try(head))
    await bank.running[1].wait()

    assert await worker.deliver(second) is Outcome.PARKED
    bank.held[1].set()
    assert await retrying
    assert await worker.deliver(third) is Outcome.PARKED

    for head in await bank.parked():
        assert await redeliverer._try(head)
    assert await bank.effects() == [1, 2, 3]


async def test_two_processes_never_retry_one_event_at_once(server_bank: Bank) -> None:
    """The slower one passes on to what is free; it does not wait."""
    bank = server_bank
    bank.failing.update((1, 9))
    await bank.worker().deliver(told(1)[0])
    await bank.worker().deliver(told(9, key="b")[0])
    bank.failing.clear()
    bank.running[1], bank.held[1] = asyncio.Event(), asyncio.Event()
    heads = {one.message.order_key: one for one in await bank.parked()}
    quicker = asyncio.create_task(bank.redeliverer()._try(heads["a"]))
    await bank.running[1].wait()

    async with asyncio.timeout(60):
        slower = [await bank.redeliverer()._try(heads[key]) for key in "ab"]

    bank.held[1].set()
    assert slower == [False, True]
    assert await quicker
    assert sorted(await bank.effects()) == [1, 9]


async def test_stale_head_does_not_take_what_has_its_place_now(bank: Bank) -> None:
    """Places are given out again; a row is known by its message."""
    bank.failing.update((1, 2))
    first, second = told(1, 2)
    await bank.worker().deliver(first)
    (stale,) = await bank.parked()
    bank.failing.clear()
    assert await bank.redeliverer()._try(stale)
    bank.failing.add(2)
    await bank.worker().deliver(second)

    assert not await bank.redeliverer()._try(stale)

    assert [one.message.id for one in await bank.parked()] == [second.message.id]


async def test_owner_that_parks_is_not_overtaken_by_the_next_owner(
    server_bank: Bank,
) -> None:
    """The lane changes hands before the parking or after it, never in the middle.

    Else the next owner could handle an event whose parked row, dead, then holds back
    its key for ever.
    """
    bank = server_bank
    (first,) = told(1)
    hold = await bank.hold(first)
    async with bank.database.transaction() as transaction:
        assert await parking.park(transaction, hold, first.message, NOW)
        taking = asyncio.create_task(bank.hold(first))
        await waits_for_a_lock(bank.database, taking)
    heir = await taking

    async with bank.database.transaction() as transaction:
        assert not await parking.park(transaction, hold, first.message, NOW)
        assert await inbox.claim(transaction, heir, first.message) is Seen.BEHIND


async def waits_for_a_lock(
    database: AsyncDatabase, task: "asyncio.Task[object]"
) -> None:
    """Wait until PostgreSQL says that somebody waits, and that the task is not done."""
    question = "select count(*) from pg_locks where not granted"
    async with asyncio.timeout(60):
        while True:
            async with database.reading() as session:
                if await session.scalar(text(question)):
                    break
            assert not task.done()
    assert not task.done()


@pytest.mark.parametrize("seed", range(2))
async def test_two_workers_of_all_lanes_keep_order_and_count(
    seed: int, bank: Bank
) -> None:
    """Both are handed everything, reactions fail by chance: once each, in order."""
    chance = Random(seed)  # noqa: S311 - no secret
    keys = "abc"
    last = dict.fromkeys(keys, 0)
    deliveries = []
    for _ in range(24):
        key = chance.choice(keys)
        last[key] += 1
        number = keys.index(key) * 1000 + last[key]
        deliveries += told(number, key=key)
    bank.failing.update(
        Placed.model_validate_json(one.message.body).n
        for one in chance.sample(deliveries, 6)
    )

    async def work(worker: Consumer) -> None:
        """Handle all in order; what is fenced comes again, a little later."""
        for delivery in deliveries:
            while await worker.deliver(delivery) is Outcome.FENCED:  # noqa: ASYNC110
                await asyncio.sleep(chance.uniform(0, 0.02))

    redeliverers = [bank.redeliverer() for _ in range(2)]
    for redeliverer in redeliverers:
        redeliverer.start()
    await asyncio.gather(*(work(bank.worker()) for _ in range(2)))
    bank.failing.clear()
    async with asyncio.timeout(60):
        while await bank.parked():
            for redeliverer in redeliverers:
                redeliverer.wake()
            await asyncio.sleep(0.01)
    for redeliverer in redeliverers:
        await redeliverer.stop()

    effects = await bank.effects()
    for number, key in enumerate(keys):
        mine = [n - number * 1000 for n in effects if n // 1000 == number]
        assert mine == list(range(1, last[key] + 1))


@pytest.mark.parametrize(
    ("streams", "seen"),
    [(("", ""), Seen.BEHIND), (("placed", "paid"), Seen.NEW)],
)
async def test_a_key_waits_behind_its_own_topic_only_where_topics_have_lanes_apart(
    bank: Bank, streams: tuple[str, str], seen: Seen
) -> None:
    """Or a refund heard before its order would keep the order it waits for waiting."""
    first, second = (
        replace(one, stream=stream)
        for one, stream in zip(told(1, 2), streams, strict=True)
    )
    holds = [await bank.hold(one) for one in (first, second)]
    if streams[0] == streams[1]:
        holds[0] = holds[1]
    async with bank.database.transaction() as transaction:
        assert await parking.park(transaction, holds[0], first.message, NOW)

    async with bank.database.transaction() as transaction:
        assert await inbox.claim(transaction, holds[1], second.message) is seen
    async with bank.database.transaction() as transaction:
        same = told(3)[0].message
        assert await inbox.claim(transaction, holds[0], same) is Seen.BEHIND
