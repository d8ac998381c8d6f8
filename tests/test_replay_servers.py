"""A replay on servers of its own: they are killed by plan, and nothing stays."""

import asyncio
import json
import os
from collections import Counter
from pathlib import Path

import psycopg
import pytest

import replay as command
from shop_replay.databases import RecordsError, drop
from shop_replay.own_servers import INFRA, OwnServers, ServerChaos
from shop_replay.running import RunningFleet


class Recorded(OwnServers):
    """Servers whose kills and starts are written down instead of done."""

    def __init__(self, *kinds: str) -> None:
        """Describe them."""
        super().__init__(kinds)
        self.story: list[tuple[str, str]] = []

    async def kill(self, kind: str) -> None:
        """Write it down."""
        self.story.append(("kill", kind))

    async def start(self, kind: str) -> None:
        """Write it down."""
        self.story.append(("start", kind))


async def killed(seed: int) -> list[tuple[str, str]]:
    """Return what happens to two servers in ten invoices."""
    servers = Recorded("postgres", "rabbit")
    chaos = ServerChaos(servers, seed=seed, kills=4, invoices=10)
    for index in range(10):
        await chaos.before(index)
    await chaos.close()
    assert chaos.kills == Counter({"postgres": 2, "rabbit": 2})
    return servers.story


async def test_each_server_is_killed_as_often_and_started_every_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that is dead is not killed again before it was started."""
    monkeypatch.setattr("shop_replay.own_servers.DEAD_SECONDS", (0.0, 0.01))

    story = await killed(1)

    for kind in ("postgres", "rabbit"):
        verbs = [verb for verb, name in story if name == kind]
        assert verbs == ["kill", "start"] * 2


def test_a_replay_takes_its_servers_up_kills_them_and_takes_them_down(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real ones: what was committed before the kill is there after the start."""
    monkeypatch.setenv("FLEET_INFRA_DIR", str(tmp_path))

    async def live() -> None:
        servers = OwnServers(["postgres"])
        url = (await servers.up())["POSTGRES_URL"].replace("+asyncpg", "")
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("create database shop_orders")
            await servers.kill("postgres")
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(url)
            await servers.start("postgres")
            drop(url, ["shop_orders", "shop_nothing"])
            with psycopg.connect(url) as connection:
                names = connection.execute("select datname from pg_database")
                assert ("shop_orders",) not in names.fetchall()
        finally:
            await servers.down()

    asyncio.run(live())
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    """Databases of before cannot be dropped: the error says where, and the mend."""
    with pytest.raises(RecordsError) as caught:
        drop("postgresql://me:secret@127.0.0.1:1/postgres", ["x"])

    assert "127.0.0.1:1" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("words", ["rabbit+kafka", "oracle", "postgres+"])
def test_servers_that_cannot_be_are_a_wrong_command_line(words: str) -> None:
    """One broker at most, and nothing unheard of."""
    with pytest.raises(SystemExit, match="2"):
        command.main(["--sample", "1", "--up", "--on", words])


def test_databases_on_a_server_are_found_with_the_password(tmp_path: Path) -> None:
    """The tool tells none: it is taken from POSTGRES_URL."""
    environment = {
        **os.environ,
        "POSTGRES_URL": "postgresql+asyncpg://me:secret@db:5433/postgres",
        "BROKER_URL": "kafka://one:9092",
    }
    tool = tmp_path / "tool.sh"
    shown = "postgresql+asyncpg://me:***@db:5433/shop_orders"
    told = {"name": "orders", "state": "ready", "database_url": shown}
    tool.write_text(f"echo '{json.dumps({'services': [told]})}'\n")
    fleet = RunningFleet(tmp_path, ("sh", str(tool)), environment)

    found = asyncio.run(fleet.processes())

    assert found["orders"].database == "postgresql://me:secret@db:5433/shop_orders"
    assert fleet.broker == "kafka://one:9092"


def test_the_command_that_starts_servers_is_there() -> None:
    """The replay runs it by its path."""
    assert os.access(INFRA, os.X_OK)
