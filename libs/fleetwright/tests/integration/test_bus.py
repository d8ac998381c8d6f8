"""python -m fleetwright.bus on a real service: SQLite and PostgreSQL."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from served import Running, running
from sqlalchemy import text
from sqlalchemy.engine import make_url

from fleetwright._sqlite import connect
from fleetwright.database import AsyncDatabase
from fleetwright.events._stuck import Stuck

HERE = Path(__file__).parent
TARGET = "tills.app:create_app"
PATIENCE_SECONDS = 30.0


class Tills:
    """The tills service in a folder of its own, running or not.

    Attributes:
        folder: Where it runs.
        environment: What it is run with.
    """

    def __init__(self, folder: Path, database_url: str) -> None:
        """Describe the service."""
        self.folder = folder
        self.environment = {
            "PYTHONPATH": str(HERE),
            "DATABASE_URL": database_url,
            "BROKER_URL": f"embedded:///{folder}/broker.db",
        }

    async def bus(self, *words: str, data: str = "") -> Any:
        """Return the answer of the command, which must succeed."""
        code, out, err = await self.tried(*words, data=data)
        assert code == 0, err
        return json.loads(out)

    async def tried(self, *words: str, data: str = "") -> tuple[int, str, str]:
        """Return exit code, output and errors of the command."""

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "fleetwright.bus", TARGET, *words],
                cwd=self.folder,
                env=os.environ | self.environment,
                input=data,
                capture_output=True,
                text=True,
                check=False,
            )

        done = await asyncio.to_thread(run)
        return done.returncode, done.stdout, done.stderr

    @asynccontextmanager
    async def up(self) -> AsyncIterator[Running]:
        """Run the service within the block."""
        async with running(self.folder, TARGET, **self.environment) as service:
            yield service

    def breaks(self, *, now: bool) -> None:
        """Have its reaction fail, or not."""
        file = self.folder / "broken"
        file.touch() if now else file.unlink()

    async def sell(self, pence: int, till: str = "south") -> str:
        """Publish that something was sold; return the event's id."""
        sold = {"till": till, "pence": pence, "card_number": "4111111111111111"}
        told = await self.bus("publish", "shops.sold", data=json.dumps(sold))
        assert told["through"] == "broker"
        return str(told["id"])

    async def takings(self) -> list[int]:
        """Return what was counted, in order."""
        database = AsyncDatabase(self.environment["DATABASE_URL"])
        try:
            async with database.reading() as session:
                rows = await session.execute(text("select pence from takings"))
                return sorted(rows.scalars())
        finally:
            await database.close()

    async def until(self, waiting: int) -> None:
        """Wait until so many events are parked or dead, and nothing is on its way."""
        database = AsyncDatabase(self.environment["DATABASE_URL"])
        parked = text("select count(*) from fleet_parked")
        leaving = text("select count(*) from fleet_outbox")
        file = self.folder / "broker.db"
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    async with database.reading() as session:
                        is_so = await session.scalar(parked) == waiting
                        is_so &= await session.scalar(leaving) == 0
                    if is_so and not await asyncio.to_thread(undelivered, file):
                        return
                    await asyncio.sleep(0.02)  # the look at another process
        finally:
            await database.close()


def undelivered(file: Path) -> int:
    """Return how much a broker's file holds for groups that have not heard it."""
    with closing(connect(str(file))) as connection:
        count = connection.execute("select count(*) from delivery").fetchone()[0]
    return int(count)


@pytest.fixture(params=["sqlite", "postgresql"])
async def tills(request: pytest.FixtureRequest, tmp_path: Path) -> Tills:
    """Return the tills service on a database of its own, with its table made."""
    url = f"sqlite+aiosqlite:///{tmp_path}/tills.db"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_url")
        name = f"tills_{uuid4().hex[:8]}"
        admin = AsyncDatabase(server)
        async with admin.engine.connect() as connection:
            autocommit = await connection.execution_options(
                isolation_level="AUTOCOMMIT"
            )
            await autocommit.execute(text(f"create database {name}"))
        await admin.close()
        url = make_url(server).set(database=name).render_as_string(hide_password=False)
    database = AsyncDatabase(url)
    async with database.transaction() as transaction:
        await transaction.execute(text("create table takings(till text, pence int)"))
    await database.close()
    return Tills(tmp_path, url)


async def test_dead_event_is_seen_and_tried_again_and_counts_once(tills: Tills) -> None:
    """A replay goes through the inbox: asked for twice, it counts once."""
    async with tills.up():
        tills.breaks(now=True)
        first = await tills.sell(100)
        second = await tills.sell(200)
        await tills.until(waiting=2)
        found = await tills.bus("parked", "--behind")
        topics = await tills.bus("topics")
        tills.breaks(now=False)
        once = await tills.bus("replay", first)
        await tills.until(waiting=0)
        again = await tills.bus("replay", first, second)

        assert await tills.takings() == [100, 200]

    assert [(one["id"], one["standing"]) for one in found] == [
        (second, "behind"),
        (first, "dead"),
    ]
    assert found[1] | {"told_at": "", "bytes": 0} == {
        "id": first,
        "topic": "shops.sold",
        "key": "south",
        "group": "tills",
        "standing": "dead",
        "attempts": 1,
        "next_at": None,
        "error": "TillBrokenError: token=abcdefgh",
        "behind": 1,
        "told_at": "",
        "bytes": 0,
    }
    (group,) = topics["groups"]
    (row,) = group["parked"]
    assert (row["topic"], row["parked"], row["dead"]) == ("shops.sold", 1, 1)
    assert group["backlog"] == {"total": 0, "topics": {}, "oldest_at": {}}
    assert once == {"retried": [first], "resent": [], "handled": []}
    assert again == {"retried": [], "resent": [], "handled": [first, second]}


async def test_discarded_event_is_ignored_when_it_comes_again(tills: Tills) -> None:
    """Discarding leaves a row in the inbox, and lets the next of the key go on."""
    async with tills.up():
        tills.breaks(now=True)
        first = await tills.sell(100)
        await tills.sell(200)
        await tills.until(waiting=2)
        tills.breaks(now=False)
        gone = await tills.bus("discard", first)
        await tills.until(waiting=0)
        heard_again = await tills.bus("reread", "shops.sold")
        await tills.until(waiting=0)

        assert await tills.takings() == [200]

    assert gone == {"discarded": [first], "handled": []}
    assert heard_again == [{"group": "tills", "delivered_again": 2}]


async def test_all_of_a_topic_is_discarded(tills: Tills) -> None:
    """What nobody hears any more goes at once; another topic's events stay."""
    async with tills.up():
        tills.breaks(now=True)
        ids = [await tills.sell(pence) for pence in (100, 200)]
        await tills.until(waiting=2)
        others = await tills.bus("discard", "--topic", "tills.counted")
        gone = await tills.bus("discard", "--topic", "shops.sold")
        await tills.until(waiting=0)

        assert await tills.takings() == []

    assert others == {"discarded": [], "handled": []}
    assert gone == {"discarded": sorted(ids), "handled": []}


async def test_event_is_shown_with_secrets_masked(tills: Tills) -> None:
    """The body is shown as logs would show it, unless all of it is asked for."""
    async with tills.up():
        tills.breaks(now=True)
        id = await tills.sell(100)
        await tills.until(waiting=1)
    known = await tills.bus("known")
    (masked,) = await tills.bus("show", id)
    (whole,) = await tills.bus("show", id, "--body")

    assert known == ["shops.sold", "tills.counted"]
    assert masked["body"] == {"till": "south", "pence": 100, "card_number": "***"}
    assert whole["body"]["card_number"] == "4111111111111111"
    assert masked["attributes"]["type"] == "shops.sold"
    assert masked["attributes"]["partitionkey"] == "south"


def test_every_time_that_is_told_is_a_text() -> None:
    """Beside the time in the headers a number of seconds would have to be decoded."""
    waits = Stuck(
        id="019a",
        topic="shops.sold",
        key="south",
        group="tills",
        standing="waiting",
        attempts=1,
        next_at=1_000.5,
        error=None,
        behind=0,
        headers={"time": "1970-01-01T00:00:00+00:00"},
        body=b"{}",
    )

    assert waits.facts()["next_at"] == "1970-01-01T00:16:40.500000+00:00"
    assert waits.facts()["told_at"] == "1970-01-01T00:00:00+00:00"


async def test_stopped_service_sends_and_hears_once_it_runs(tills: Tills) -> None:
    """What is published and replayed while nothing runs happens at the next start."""
    before = await tills.bus("topics")
    counted = await tills.bus("publish", "tills.counted", data='{"till": "north"}')
    waiting = await tills.bus("topics")
    async with tills.up():
        await tills.until(waiting=0)
        left = await tills.bus("topics")

    assert before["outbox"] == []
    assert counted["through"] == "outbox"
    assert [row["pending"] for row in waiting["outbox"]] == [1]
    assert (left["outbox"], counted["topic"]) == ([], "tills.counted")
    assert left["sends"] == [{"topic": "tills.counted", "version": 1, "key": "till"}]


@pytest.mark.parametrize(
    ("words", "data", "says"),
    [
        (["publish", "shops.sald"], "{}", "tills knows no event shops.sald"),
        (["publish", "shops.sold"], '{"till": "x"}', "pence is not as declared"),
        (
            ["publish", "tills.counted"],
            '{"till": "x", "tilll": 1}',
            "no field 'tilll'",
        ),
        (["publish", "shops.sold"], "nonsense", "the body is not as declared"),
        (["replay", "--topic", "a.b"], "", "tills neither publishes nor hears a.b"),
        (["discard", "--topic", "shops.sald"], "", "did you mean `shops.sold`?"),
        (["replay"], "", "not said what to replay"),
        (["discard"], "", "not said what to discard"),
    ],
)
async def test_mistake_is_told_in_words(
    tmp_path: Path, words: list[str], data: str, says: str
) -> None:
    """What is wrong, where, and what to do; never a traceback."""
    tills = Tills(tmp_path, f"sqlite+aiosqlite:///{tmp_path}/tills.db")

    code, out, err = await tills.tried(*words, data=data)

    assert code in (1, 2)
    assert says in err
    assert "hint: " in err
    assert "Traceback" not in err
    assert out == ""


async def test_database_that_does_not_answer_is_told(tmp_path: Path) -> None:
    """The error names the database, its password masked."""
    url = "postgresql+asyncpg://tills:secret@127.0.0.1:1/tills"
    tills = Tills(tmp_path, url)

    code, _, err = await tills.tried("parked")

    assert code == 1
    assert "the database cannot be used now" in err
    assert "tills:***@127.0.0.1:1" in err
    assert "hint: " in err
