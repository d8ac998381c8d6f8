"""Where a torture plays: its broker, its databases, its groups."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from sqlalchemy import text

from fleetwright.database import AsyncDatabase
from fleetwright.events import connect
from fleetwright.events._tables import CONSUMER_TABLES, PRODUCER_TABLES, ensure
from tortured import story
from tortured.network import Wire
from tortured.plan import (
    DATABASES,
    DOOMED_TOPIC,
    GROUPS,
    PRODUCERS,
    TOPIC,
    Plan,
    Wishes,
)
from tortured.servers import Server

_PATIENCE_SECONDS = 60.0


class Stage:
    """Everything a torture needs but the processes.

    Attributes:
        near: Where the broker and the databases are, by name.
        far: The same, over the network that can be cut.
        servers: Those that can be killed, by kind.
        databases: Every database, by name.
    """

    def __init__(self, wishes: Wishes, folder: Path) -> None:
        """Describe it.

        Args:
            wishes: Which broker, which databases.
            folder: Where files are to be.
        """
        self.near: dict[str, str] = {}
        self.far: dict[str, str] = {}
        self.servers: dict[str, Server] = {}
        self.databases: dict[str, AsyncDatabase] = {}
        self._wishes, self._folder = wishes, folder

    @property
    def wires(self) -> dict[str, Wire]:
        """The networks, by the kind of the server behind."""
        return {kind: server.wire for kind, server in self.servers.items()}

    async def build(self, stack: AsyncExitStack) -> None:
        """Start the servers, make the tables and have the groups join.

        Args:
            stack: Takes everything down again.
        """
        wishes = self._wishes
        kinds = {wishes.broker, wishes.database} - {"embedded", "sqlite"}
        for kind in sorted(kinds):
            server = self.servers[kind] = Server(kind, self._folder)
            stack.push_async_callback(server.down)
        await asyncio.gather(*(server.up() for server in self.servers.values()))
        if wishes.broker == "embedded":
            self._name("broker", f"embedded:///{self._folder}/broker.db")
        else:
            server = self.servers[wishes.broker]
            self._name("broker", server.url, server.far_url)
        await self._make_databases(stack)
        for group in GROUPS:
            await self._join(group)

    def _name(self, name: str, near: str, far: str | None = None) -> None:
        self.near[name] = near
        self.far[name] = far or near

    async def _make_databases(self, stack: AsyncExitStack) -> None:
        server = self.servers.get("postgres")
        if server is not None:
            await _create(server.url)
        for name in DATABASES:
            if server is None:
                self._name(name, f"sqlite+aiosqlite:///{self._folder}/{name}.db")
            else:
                urls = (server.url, server.far_url)
                near, far = (f"{url.rpartition('/')[0]}/{name}" for url in urls)
                self._name(name, near, far)
            database = self.databases[name] = AsyncDatabase(self.near[name])
            stack.push_async_callback(database.close)
            producing = name in PRODUCERS
            statements = (
                story.PRODUCER_TABLES
                if producing
                else story.consumer_tables(database.dialect)
            )
            async with database.transaction() as transaction:
                for statement in statements:
                    await transaction.execute(text(statement))
            await ensure(database, PRODUCER_TABLES if producing else CONSUMER_TABLES)

    async def _join(self, group: str) -> None:
        """Have the group hear: it is promised what is published from then on."""
        broker = connect(self.near["broker"])
        await broker.open()
        receiver = await broker.subscribe(group, [TOPIC, DOOMED_TOPIC])
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not receiver.lanes:  # noqa: ASYNC110 - a server decides
                await asyncio.sleep(0.05)
        await receiver.close()
        await broker.close()

    def plan(self) -> Plan:
        """Return what the workers are told."""
        return Plan(self._wishes, self.near, self.far)


async def _create(url: str) -> None:
    """Make the databases on a PostgreSQL."""
    database = AsyncDatabase(url)
    outside = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    async with outside.connect() as connection:
        for name in DATABASES:
            await connection.execute(text(f"create database {name}"))
    await database.close()
