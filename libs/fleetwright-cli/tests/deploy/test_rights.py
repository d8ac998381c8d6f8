"""Rights on RabbitMQ: each service may do what its contract says, and no more.

The committed file is tried on a real server, with a user for each service.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

import aiormq
import httpx2
import pytest
from aiormq.exceptions import ChannelAccessRefused

from fleetwright.errors import Unavailable
from fleetwright.events._envelope import LANES, Message, new_id
from fleetwright.events.brokers import _rabbit_topology as topology
from fleetwright.events.brokers._rabbit import RabbitBroker
from fleetwright_cli.deploy import _rights
from fleetwright_cli.deploy._facts import World
from fleetwright_cli.deploy._files import mend
from fleetwright_cli.deploy._rights import rights, rights_files

PATIENCE_SECONDS = 240.0
Act = Callable[[aiormq.abc.AbstractChannel], Awaitable[object]]


def test_committed_file_is_what_the_contracts_say(world: World) -> None:
    """Who adds a topic writes it anew, or the check fails."""
    wanted = rights_files(world)

    assert mend(world.fleet.root, wanted, check=True) == []
    assert '"orders"' in wanted[_rights.FILE]


def test_no_rights_where_nobody_uses_rabbit(world: World) -> None:
    """On Kafka there is no such file, and one that is there is left over."""
    deploy = world.manifest.deploy.model_copy(update={"broker": "kafka"})
    manifest = world.manifest.model_copy(update={"deploy": deploy})
    other = World(replace(world.fleet, manifest=manifest), world.repository)

    assert rights_files(other) == {}


def test_names_are_those_of_the_runtime() -> None:
    """What is declared there is what is allowed here."""
    assert topology.EXCHANGE == _rights.EXCHANGE
    assert topology.unheard_of("x") == f"{_rights.UNHEARD}.x"
    assert topology.queue_of("x", LANES - 1) == f"x.{LANES - 1}"
    assert {topology.dead_of("x"), topology.members_of("x")} == {"x.dead", "x.members"}


@dataclass(frozen=True, slots=True)
class Users:
    """A virtual host with a user for each service.

    Attributes:
        place: Where AMQP is spoken.
        vhost: The virtual host; users are named by it, too.
        password: Of each of them.
    """

    place: str
    vhost: str
    password: str

    def url(self, service: str) -> str:
        """Return where a service connects, as itself."""
        user = f"{self.vhost}-{service}"
        return f"amqp://{user}:{self.password}@{self.place}/{self.vhost}"

    @asynccontextmanager
    async def channel(self, service: str) -> AsyncIterator[aiormq.abc.AbstractChannel]:
        """Give a channel of a service."""
        connection = await aiormq.connect(self.url(service))
        try:
            yield await connection.channel()
        finally:
            await connection.close()


@dataclass(frozen=True, slots=True)
class Api:
    """The HTTP API of a server, as whoever runs it.

    Attributes:
        url: Where it is.
        login: User and password.
    """

    url: str
    login: tuple[str, str]

    def ask(self, method: str, path: str, said: object = None) -> None:
        """Have something done."""
        httpx2.request(
            method,
            f"{self.url}/api/{path}",
            json=said,
            auth=self.login,
            timeout=PATIENCE_SECONDS,
        ).raise_for_status()


@pytest.fixture(scope="module")
def users(world: World) -> Iterator[Users]:
    """Give the users of this fleet, with the rights that its contracts say."""
    url, api_url = (os.environ.get(f"TEST_RABBIT_{one}") for one in ("URL", "API_URL"))
    if not url or not api_url:
        reason = 'no RabbitMQ: `eval "$(scripts/infra up)"`'
        if os.environ.get("FLEET_REQUIRE_SERVERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    parts = urlsplit(url)
    api = Api(api_url, (parts.username or "", parts.password or ""))
    place = f"{parts.hostname}:{parts.port}"
    found = Users(place, f"rights-{secrets.token_hex(4)}", secrets.token_hex(16))
    services = [one for one in world.facts.values() if one.has_events]
    names = [quote(f"{found.vhost}-{one.name}") for one in services]
    api.ask("PUT", f"vhosts/{found.vhost}")
    for name in names:
        api.ask("PUT", f"users/{name}", {"password": found.password, "tags": ""})
    said = rights(services, found.vhost)
    for one in (*said["permissions"], *said["topic_permissions"]):
        one["user"] = f"{found.vhost}-{one['user']}"
    api.ask("POST", "definitions", said)
    yield found
    for name in names:
        api.ask("DELETE", f"users/{name}")
    api.ask("DELETE", f"vhosts/{found.vhost}")


async def test_services_do_what_their_contracts_say(users: Users) -> None:
    """One publishes before anybody hears; another hears it, and what comes later."""
    payments = RabbitBroker(users.url("payments"))
    notifications = RabbitBroker(users.url("notifications"))
    await payments.open()
    await notifications.open()
    early = Message(new_id(), "payments.captured", "a", {}, b"early")
    late = Message(new_id(), "payments.declined", "b", {}, b"late")

    async with asyncio.timeout(PATIENCE_SECONDS):
        await told(payments, early)
        hears = ["payments.captured", "payments.declined", "payments.refunded"]
        receiver = await notifications.subscribe("notifications", hears)
        bodies: set[bytes] = set()
        while bodies != {b"early", b"late"}:
            [heard] = await receiver.receive(1)
            await receiver.acknowledge([heard])
            if not bodies:
                await told(payments, late)
            bodies.add(heard.message.body)
        await receiver.close()
        await payments.close()
        await notifications.close()


async def told(broker: RabbitBroker, message: Message) -> None:
    """Publish until it is kept, as an outbox does: a slow server is no refusal."""
    while True:
        try:
            assert await broker.publish([message]) == {}
        except Unavailable:
            await asyncio.sleep(0.2)  # before it is tried again
            continue
        return


FORBIDDEN: dict[str, tuple[str, Act]] = {
    "publish what another one publishes": (
        "vouchers",
        lambda it: it.basic_publish(
            b"x", exchange="fleet.events", routing_key="payments.captured.3"
        ),
    ),
    "put something into another one's queue": (
        "vouchers",
        lambda it: it.basic_publish(b"x", exchange="", routing_key="notifications.0"),
    ),
    "say that something waited for a hearer": (
        "vouchers",
        lambda it: it.basic_publish(
            b"x", exchange="fleet.unheard", routing_key="payments.captured.3"
        ),
    ),
    "hear another one's queue": (
        "vouchers",
        lambda it: it.basic_consume("notifications.0", _ignored),
    ),
    "take another one's queue away": (
        "vouchers",
        lambda it: it.queue_delete("notifications.0"),
    ),
    "make a queue to listen with": (
        "vouchers",
        lambda it: it.queue_declare("spy"),
    ),
    "hear a topic that its contract does not name": (
        "notifications",
        lambda it: it.queue_bind("notifications.0", "fleet.events", "orders.placed.0"),
    ),
}


async def _ignored(message: object) -> None:
    """Hear a message."""


@pytest.mark.parametrize("what", FORBIDDEN)
async def test_service_may_not(users: Users, what: str) -> None:
    """Whoever has the password of one service is not another one."""
    service, act = FORBIDDEN[what]
    async with asyncio.timeout(PATIENCE_SECONDS):
        await _prepare(users)
        async with users.channel(service) as channel:
            with pytest.raises(ChannelAccessRefused):
                await act(channel)


async def _prepare(users: Users) -> None:
    """Have what is reached for: otherwise it is missing, not forbidden."""
    async with users.channel("notifications") as channel:
        await topology.declare_exchange(channel)  # type: ignore[arg-type]
        await channel.queue_declare("notifications.0", durable=True, arguments=LANE)


LANE = topology._LANE | {"x-dead-letter-exchange": "notifications.dead"}
