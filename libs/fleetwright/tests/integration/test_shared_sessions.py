"""Reactions that share a session leave it to the next one as they found it."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from sharing_bank import Bank, Entry, Noted, Placed, fail, ledger, opened, told
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from fleetwright.events import publish
from fleetwright.events._reacting import TransactionEnded


@pytest.fixture(params=["sqlite", "postgresql"])
async def bank(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bank]:
    """Return a bank on each kind of database."""
    url = f"sqlite+aiosqlite:///{tmp_path}/bank.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    async with opened(url) as made:
        yield made


async def _add_twice(transaction: AsyncSession) -> None:
    """Have a flush refused."""
    taken = await transaction.scalar(select(ledger.c.i).limit(1))
    transaction.add(Entry(i=taken, grp="twice", n=0))
    await transaction.flush()


async def test_reactions_share_no_objects(bank: Bank) -> None:
    """What another reaction has loaded may be old: each reads for itself."""
    loaded: list[Entry] = []

    async def look(event: Placed, transaction: AsyncSession) -> None:
        question = select(Entry).where(Entry.n == 1, Entry.grp == bank.group)
        loaded.append((await transaction.scalars(question)).one())

    bank.then.update({2: look, 3: look})

    await bank.settle(told(1, 2, 3))

    assert loaded[0] is not loaded[1]
    assert [one.n for one in loaded] == [1, 1]  # readable after the end


async def test_flush_that_is_refused_fails_its_reaction_only(bank: Bank) -> None:
    """The session is of no use after it: all is undone, and done again one by one."""

    async def twice(event: Placed, transaction: AsyncSession) -> None:
        await _add_twice(transaction)

    bank.then[2] = twice

    with capture_logs() as told_of:
        assert await bank.settle(told(1, 2, 3)) == [1, 2, 3]

    assert sorted(await bank.effects()) == [1, 3]
    assert (await bank.known(), len(await bank.parked())) == (2, 1)
    undone = next(line for line in told_of if line["event"] == "batch.undone")
    assert "unique" in undone["error"].lower()


@pytest.mark.parametrize("last", [2, 3])
async def test_flush_that_is_refused_in_secret_fails_its_reaction_only(
    bank: Bank, last: int
) -> None:
    """Also where the reaction goes on as if it had not been refused."""

    async def twice(event: Placed, transaction: AsyncSession) -> None:
        with suppress(IntegrityError):
            await _add_twice(transaction)

    bank.then[2] = twice
    numbers = range(1, last + 1)

    assert await bank.settle(told(*numbers)) == list(numbers)
    assert sorted(await bank.effects()) == [n for n in numbers if n != 2]
    assert len(await bank.parked()) == 1


async def test_savepoint_saves_a_reaction_whose_flush_is_refused(bank: Bank) -> None:
    """Nobody else notices, and each runs once."""

    async def twice(event: Placed, transaction: AsyncSession) -> None:
        with suppress(IntegrityError):
            async with transaction.begin_nested():
                await _add_twice(transaction)

    bank.then[2] = twice

    await bank.settle(told(1, 2, 3))

    assert bank.heard == [1, 2, 3]
    assert await bank.effects() == [1, 2, 3]


@pytest.mark.parametrize("in_savepoint", [False, True])
async def test_reaction_that_commits_in_secret_takes_nobody_with_it(
    bank: Bank, in_savepoint: bool
) -> None:
    """It is refused: the claims of those behind it must not be committed alone."""

    async def commit(event: Placed, transaction: AsyncSession) -> None:
        if in_savepoint:
            await transaction.begin_nested()
        with suppress(TransactionEnded):
            await transaction.commit()
        assert await bank.effects() == []

    bank.then[2] = commit

    await bank.settle(told(1, 2, 3))

    assert bank.heard == [1, 2, 3]
    assert await bank.effects() == [1, 2, 3]


async def test_reaction_that_rolls_back_and_fails_takes_nobody_with_it(
    bank: Bank,
) -> None:
    """What it has begun after that is none of the others'."""

    async def roll_back(event: Placed, transaction: AsyncSession) -> None:
        await transaction.rollback()
        await transaction.execute(insert(ledger).values(grp=bank.group, n=20))
        raise RuntimeError("bank is shut")

    bank.then[2] = roll_back

    assert await bank.settle(told(1, 2, 3)) == [1, 2, 3]
    assert sorted(await bank.effects()) == [1, 3]
    assert (await bank.known(), len(await bank.parked())) == (2, 1)


async def test_savepoint_that_is_left_open_is_released(bank: Bank) -> None:
    """What was done in it stays, as it does at the end of a transaction."""

    async def leave(event: Placed, transaction: AsyncSession) -> None:
        await transaction.begin_nested()
        transaction.add(Entry(grp=bank.group, n=20))

    bank.then.update({2: leave, 3: fail})

    await bank.settle(told(1, 2, 3, 4))

    assert bank.heard == [1, 2, 3, 4]
    assert await bank.effects() == [1, 2, 20, 4]


async def test_savepoint_that_is_left_open_by_a_failure_is_undone(bank: Bank) -> None:
    """Those behind it run in the transaction of all, once."""

    async def leave(event: Placed, transaction: AsyncSession) -> None:
        await transaction.begin_nested()
        await transaction.execute(insert(ledger).values(grp=bank.group, n=20))
        raise RuntimeError("bank is shut")

    bank.then[2] = leave

    await bank.settle(told(1, 2, 3))

    assert bank.heard == [1, 2, 3]
    assert await bank.effects() == [1, 3]


async def test_failure_after_a_savepoint_takes_no_event_of_others_with_it(
    bank: Bank,
) -> None:
    """What earlier reactions published is not written in what is undone later."""

    async def tell(event: Placed, transaction: AsyncSession) -> None:
        publish(transaction, Noted(order_id=bank.group, n=event.n))

    async def half(event: Placed, transaction: AsyncSession) -> None:
        async with transaction.begin_nested():
            await tell(event, transaction)
        raise RuntimeError("bank is shut")

    bank.then.update({1: tell, 2: half, 3: tell})

    await bank.settle(told(1, 2, 3))

    assert bank.heard == [1, 2, 3]
    assert await bank.noted() == [1, 3]
