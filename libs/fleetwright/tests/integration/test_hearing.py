"""Who hears what: given up when nobody has said it for an hour, and not before."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from databases import with_tables
from sqlalchemy import select, update
from structlog.testing import capture_logs

from fleetwright._clock import SystemClock, use_clock
from fleetwright.database import AsyncDatabase
from fleetwright.errors import FleetwrightError, Unavailable
from fleetwright.events import Consumer, Subscriptions, _hearing, connect
from fleetwright.events._hearing import GIVE_UP_SECONDS, SAY_SECONDS, Saying
from fleetwright.events._tables import CONSUMER_TABLES, ensure, hearing

GROUP, OLD, NEW = "tills", "shops.old", "shops.new"


class Hands(SystemClock):
    """A clock in the hands of a test: it stands, and its time of day may jump."""

    def __init__(self) -> None:
        """Begin now."""
        self.passed_seconds = 0.0
        self.jumped_seconds = 0.0

    def monotonic(self) -> float:
        """Return what has passed."""
        return self.passed_seconds

    def now(self) -> float:
        """Return the time of day as it is said to be."""
        return 2e9 + self.passed_seconds + self.jumped_seconds

    async def sleep(self, seconds: float) -> None:
        """Let the time pass, and others do something."""
        self.passed_seconds += seconds
        await asyncio.sleep(0)


class Switchboard:
    """What a broker sends to the group; tells what it was told meanwhile.

    Attributes:
        sent: The topics that it sends.
        meanwhile: Runs while it is told that the group hears something no more.
    """

    def __init__(self) -> None:
        """Send all there is."""
        self.sent = {OLD, NEW}
        self.is_down = False
        self.meanwhile: Any = None

    async def unsubscribe(self, group: str, topics: Sequence[str]) -> None:
        """Send these no more."""
        if self.is_down:
            raise Unavailable("it is away", reason="connect", provider="switchboard")
        if self.meanwhile is not None:
            await self.meanwhile()
        self.sent -= set(topics)

    async def subscribe_again(self, group: str, topics: Sequence[str]) -> None:
        """Send these."""
        if self.is_down:
            raise Unavailable("it is away", reason="connect", provider="switchboard")
        self.sent |= set(topics)


@pytest.fixture
def time() -> Iterator[Hands]:
    """Give the clock, on the ordinary loop: PostgreSQL is on a real socket."""
    with use_clock(Hands()) as hands:
        assert isinstance(hands, Hands)
        yield hands


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[AsyncDatabase]:
    """Return a database of each kind with the tables of a consumer, empty."""
    async with with_tables(request, CONSUMER_TABLES) as found:
        yield found


@pytest.fixture
def board() -> Switchboard:
    """Return where the group is subscribed to both topics."""
    return Switchboard()


async def said(database: AsyncDatabase) -> set[str]:
    """Return the topics that somebody has said to hear."""
    async with database.reading() as session:
        return set(await session.scalars(select(hearing.c.topic)))


async def hours(time: Hands, count: float, *processes: Saying) -> None:
    """Let hours pass in which some processes do what they do."""
    for _ in range(int(count * GIVE_UP_SECONDS / SAY_SECONDS) + 2):
        for one in processes:
            await one.turn()
        time.passed_seconds += SAY_SECONDS


async def test_what_nobody_says_for_an_hour_is_given_up(
    database: AsyncDatabase, time: Hands, board: Switchboard
) -> None:
    """Not before; what this process hears itself it never gives up."""
    old = Saying(database, GROUP, [OLD], board)
    await Saying(database, GROUP, [NEW], board).turn()

    await hours(time, 0.9, old)
    before = set(board.sent)
    await hours(time, 0.2, old)

    assert before == {OLD, NEW}
    assert board.sent == {OLD}
    assert await said(database) == {OLD}


async def test_a_clock_that_jumps_makes_nobody_silent(
    database: AsyncDatabase, time: Hands, board: Switchboard
) -> None:
    """What others say seems to be hours old until they have their next turn."""
    old = Saying(database, GROUP, [OLD], board)
    new = Saying(database, GROUP, [NEW], board)
    for _ in range(3):
        await new.turn()
        await old.turn()
        time.jumped_seconds += 2 * GIVE_UP_SECONDS
        await old.turn()

    assert board.sent == {OLD, NEW}


async def test_a_machine_that_slept_makes_nobody_silent(
    database: AsyncDatabase, time: Hands, board: Switchboard
) -> None:
    """Nobody was watching: those who would have said something slept as well."""
    old = Saying(database, GROUP, [OLD], board)
    await Saying(database, GROUP, [NEW], board).turn()
    await old.turn()
    time.passed_seconds += 24 * GIVE_UP_SECONDS
    await old.turn()

    assert board.sent == {OLD, NEW}


async def test_who_was_taken_for_gone_is_subscribed_again(
    database: AsyncDatabase, time: Hands, board: Switchboard
) -> None:
    """Also where an event that was under way has been noted since."""
    old = Saying(database, GROUP, [OLD], board)
    new = Saying(database, GROUP, [NEW], board)
    await new.turn()
    await hours(time, 1, old)
    given_up = set(board.sent)
    async with database.transaction() as transaction:
        await _hearing.is_heard(transaction, GROUP, NEW)
    board.is_down = True
    with pytest.raises(Unavailable):
        await new.turn()
    board.is_down = False
    await new.turn()

    assert given_up == {OLD}
    assert board.sent == {OLD, NEW}


async def test_who_begins_to_hear_waits_until_the_broker_was_told(
    database: AsyncDatabase, time: Hands, board: Switchboard
) -> None:
    """He subscribes after the others were unsubscribed; nobody waits for a lock."""
    old = Saying(database, GROUP, [OLD], board)
    new = Saying(database, GROUP, [NEW], board)
    begun: list[asyncio.Task[None]] = []

    async def begin() -> None:
        async with database.transaction() as transaction:  # it is free
            await transaction.execute(update(hearing).values(grp=hearing.c.grp))
        waiting = asyncio.create_task(new.turn())
        begun.append(waiting)
        while not waiting.done() and time.passed_seconds < at + 1:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert not waiting.done()

    await Saying(database, GROUP, [NEW], board).turn()
    await hours(time, 0.9, old)
    board.meanwhile = begin
    at = time.passed_seconds
    while not begun:
        at = time.passed_seconds
        await old.turn()
        time.passed_seconds += SAY_SECONDS
    await begun[0]

    assert board.sent == {OLD, NEW}
    assert await said(database) == {OLD, NEW}


async def test_who_waited_in_vain_is_not_undone(
    database: AsyncDatabase, time: Hands, board: Switchboard
) -> None:
    """The one that tells the broker so late puts it right itself."""
    old = Saying(database, GROUP, [OLD], board)
    new = Saying(database, GROUP, [NEW], board)
    board.meanwhile = new.turn
    await Saying(database, GROUP, [NEW], board).turn()

    await hours(time, 1, old)

    assert board.sent == {OLD, NEW}
    assert await said(database) == {OLD, NEW}


async def test_what_could_not_be_told_is_told_at_the_next_turn(
    database: AsyncDatabase, time: Hands, board: Switchboard
) -> None:
    """The broker was away: no other hour has to pass."""
    old = Saying(database, GROUP, [OLD], board)
    await old.turn()
    await Saying(database, GROUP, [NEW], board).turn()
    await hours(time, 0.9, old)
    board.is_down = True
    failed = 0
    while not failed:
        try:
            await old.turn()
        except Unavailable:
            failed += 1
        time.passed_seconds += SAY_SECONDS
    board.is_down = False
    await old.turn()

    assert board.sent == {OLD}
    assert await said(database) == {OLD}


class Odd:
    """A broker with a defect."""

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self.asked = 0
        self.again = asyncio.Event()

    async def unsubscribe(self, group: str, topics: Sequence[str]) -> None:
        """Fail as nobody has foreseen."""
        self.asked += 1
        if self.asked == 3:
            self.again.set()
        raise RuntimeError("odd")

    async def subscribe_again(self, group: str, topics: Sequence[str]) -> None:
        """Do nothing."""


async def test_no_failure_silences_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is, it is logged and tried again."""
    monkeypatch.setattr(_hearing, "SAY_SECONDS", 0.01)
    monkeypatch.setattr(_hearing, "GIVE_UP_SECONDS", 0.0)
    database = AsyncDatabase(f"sqlite+aiosqlite:///{tmp_path}/tills.db")
    await ensure(database, CONSUMER_TABLES)
    broker = Odd()
    await Saying(database, GROUP, [NEW], broker).turn()
    old = Saying(database, GROUP, [OLD], broker)
    with capture_logs() as logs:
        await old.start()
        async with asyncio.timeout(60):
            await broker.again.wait()
        is_running = old.is_running
        await old.stop()
    await database.close()

    assert is_running
    assert {(line["event"], line["error"]) for line in logs} == {
        ("hearing.failed", "odd")
    }


async def test_a_consumer_that_says_nothing_any_more_is_not_well() -> None:
    """Others would take it for gone."""
    database = AsyncDatabase("sqlite+aiosqlite://")
    broker = connect("memory://silent")
    consumer = Consumer(database, broker, Subscriptions(), group=GROUP)
    await consumer.open()
    await consumer.check()
    (saying,) = [one for one in asyncio.all_tasks() if one.get_name() == "hearing"]
    saying.cancel()
    await asyncio.gather(saying, return_exceptions=True)

    with pytest.raises(FleetwrightError, match="nobody says what is heard"):
        await consumer.check()
    await consumer.close()
    await database.close()
