"""Fixtures of the conformance suite: every rule meets every broker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from brokers_under_test import KINDS, Kind
from hearers import World, opened
from servers import OwnServer, own_database

from fleetwright.events import Broker, connect

Restart = Callable[[], Awaitable[None]]


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known that a rule says with what it asks of a broker."""
    config.addinivalue_line("markers", "needs(*features): only of such brokers")


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Return each kind of broker in turn, where it offers what the rule asks for."""
    kind: Kind = request.param
    marker = request.node.get_closest_marker("needs")
    for feature in marker.args if marker is not None else ():
        if feature in kind.lacks:
            pytest.skip(f"{kind.name}: {kind.lacks[feature]}")
    return kind


@pytest.fixture
def name() -> str:
    """Return a name nobody has used: topics and groups outlive tests."""
    return f"t{uuid4().hex[:10]}"


@pytest.fixture
def broker_url(
    kind: Kind, name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> str:
    """Return where the broker is."""
    if kind.name == "memory":
        return f"memory://{name}"
    if kind.name == "embedded":
        return f"embedded:///{tmp_path}/broker.db"
    return str(request.getfixturevalue(f"{kind.name}_url"))


@pytest.fixture
async def broker(broker_url: str) -> AsyncIterator[Broker]:
    """Return a connection to the broker."""
    broker = connect(broker_url)
    await broker.open()
    yield broker
    await broker.close()


@pytest.fixture
def database_urls(
    kind: Kind, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[str, str]]:
    """Return where the shop and the bank keep their data: two empty databases."""
    if kind.database == "postgresql":
        server = request.getfixturevalue("postgres_url")
        with own_database(server) as shop, own_database(server) as bank:
            yield shop, bank
    else:
        folder = f"sqlite+aiosqlite:///{tmp_path}"
        yield f"{folder}/shop.db", f"{folder}/bank.db"


@pytest.fixture
async def world(
    broker_url: str, database_urls: tuple[str, str], name: str
) -> AsyncIterator[World]:
    """Return a shop and a bank around the broker; nobody hears yet."""
    async with opened(World(broker_url, *database_urls, name)) as world:
        yield world


@pytest.fixture
def own_broker(kind: Kind, request: pytest.FixtureRequest) -> OwnServer:
    """Return a server of the kind that a test may kill."""
    server: OwnServer = request.getfixturevalue(f"own_{kind.name}")
    return server


@pytest.fixture
async def fragile_world(
    own_broker: OwnServer, database_urls: tuple[str, str], name: str
) -> AsyncIterator[World]:
    """Return the same world around a broker that may be killed."""
    async with opened(World(own_broker.url, *database_urls, name)) as world:
        yield world


@pytest.fixture
def restart(own_broker: OwnServer) -> Restart:
    """Return how the broker dies by SIGKILL and comes back."""

    async def killed_and_started() -> None:
        await asyncio.to_thread(own_broker.kill)
        await asyncio.to_thread(own_broker.start)

    return killed_and_started
