"""A database of sync code beside a loop: what is published, and migrations."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from fleetwright.database import Database
from fleetwright.events import Event, Outbox, _outbox, publish
from fleetwright.events._envelope import Message
from fleetwright.testing import FakeBroker


class Counted(Event, topic="things.counted"):
    """A thing was counted."""

    n: int


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where a database may be kept, of either kind, as it is written for us."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/things.db"
    address: str = request.getfixturevalue("postgres_url")
    return address


class Carried(FakeBroker):
    """A broker that keeps what it is handed as it is.

    Attributes:
        messages: All of it, in order.
    """

    def __init__(self) -> None:
        """Nothing was handed over."""
        super().__init__()
        self.messages: list[Message] = []

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Keep them."""
        self.messages += messages
        return await super().publish(messages)


async def test_what_is_published_in_a_thread_is_relayed_on_the_loop(url: str) -> None:
    """One row in the same commit; undone transactions publish nothing."""
    database, broker = Database(url), Carried()
    outbox = Outbox(database, broker)
    await database.open()
    await outbox.open()

    def work(n: int, *, fails: bool = False) -> None:
        with database.transaction() as transaction:
            publish(transaction, Counted(n=n))
            if fails:
                raise ZeroDivisionError

    await asyncio.to_thread(work, 1)
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(work, 2, fails=True)
    await outbox.drain()

    facts = await outbox.facts()
    await outbox.close()
    await database.close()
    # A server's database may have had more to relay, of other tests.
    counted = [one.body for one in broker.messages if one.topic == Counted.__topic__]
    assert [Counted.model_validate_json(body) for body in counted] == [Counted(n=1)]
    assert facts["pending"] == 0


async def test_commit_in_a_thread_wakes_the_relay_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slow poll is for other processes only."""
    monkeypatch.setattr(_outbox, "POLL_SECONDS", 60.0)
    path = tmp_path / "a.db"
    database, broker = Database(f"sqlite:///{path}"), FakeBroker()
    outbox = Outbox(database, broker)
    await database.open()
    await outbox.open()
    heard = asyncio.Event()
    publishing = broker.publish

    async def noted(messages: Any) -> Any:
        heard.set()
        return await publishing(messages)

    broker.publish = noted  # type: ignore[method-assign]

    def work() -> None:
        with database.transaction() as transaction:
            publish(transaction, Counted(n=1))

    await outbox.drain()
    await asyncio.to_thread(work)
    async with asyncio.timeout(60):
        await heard.wait()
    await outbox.close()
    await database.close()

    assert broker.published == [Counted(n=1)]


async def test_migrations_run_over_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same package as an async database has, seen by sync code afterwards."""
    versions = tmp_path / "till_migrations" / "versions"
    versions.mkdir(parents=True)
    (versions.parent / "__init__.py").touch()
    (versions / "0001.py").write_text(
        "from alembic import op\n"
        'revision, down_revision = "0001", None\n'
        'def upgrade() -> None:\n    op.execute("create table tills(n integer)")\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    database = Database(f"sqlite:///{tmp_path}/a.db", migrations="till_migrations")

    await database.migrate()
    await database.migrate()

    def tills() -> object:
        with database.reading() as session:
            return session.scalar(text("select count(*) from tills"))

    assert await asyncio.to_thread(tills) == 0
    await database.check()
    await database.close()
