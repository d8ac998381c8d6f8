"""Services on their feet in a test."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Protocol

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from fleetwright._service import Service
from fleetwright._settings import Settings
from fleetwright.errors import DeclarationError
from fleetwright.fastapi import Uses, mount
from fleetwright.rest import get, rest
from fleetwright.testing import AsgiTransport, FakeClock, service_of, serving


class Greeter(Protocol):
    """What the front asks of the back."""

    @get("/hello/{name}")
    async def hello(self, name: str) -> str:
        """Return a greeting."""
        ...


class Store:
    """A part that remembers what was done with it."""

    def __init__(self) -> None:
        """Start with nothing done."""
        self.done: list[str] = []

    async def migrate(self) -> None:
        """Note it."""
        self.done.append("migrate")

    async def open(self) -> None:
        """Note it."""
        self.done.append("open")

    async def close(self) -> None:
        """Note it."""
        self.done.append("close")


class Polite:
    """A greeter without a network."""

    async def hello(self, name: str) -> str:
        """Return a greeting."""
        return f"good day, {name}"


def back() -> FastAPI:
    """Return a service that greets."""
    app = FastAPI()

    @app.get("/hello/{name}")
    async def hello(name: str) -> str:
        return f"hello, {name}"

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("no")

    service = Service("back", Settings())
    service.add(Store())
    return mount(app, service)


def front(greeter: object) -> FastAPI:
    """Return a service that has its greetings from another."""
    app = FastAPI()

    @app.get("/")
    async def index(greeter: Annotated[Any, Uses(Greeter)]) -> str:
        return str(await greeter.hello("you"))

    service = Service("front", Settings())
    service.add(greeter)
    return mount(app, service)


@pytest.fixture
async def http() -> AsyncIterator[AsyncClient]:
    """Serve the back."""
    async with serving(back()) as http:
        yield http


async def test_service_is_ready_and_answers(http: AsyncClient) -> None:
    """The life cycle has run, and relative URLs go to the application."""
    assert (await http.get("/hello/you")).json() == "hello, you"
    assert (await http.get("/readyz")).status_code == 200


async def test_error_of_the_application_is_an_answer(http: AsyncClient) -> None:
    """A test sees what a caller would see."""
    assert (await http.get("/broken")).status_code == 500


async def test_databases_are_migrated_before_the_start() -> None:
    """The schema is there when the first part looks at it, and all is closed."""
    app = back()
    store = service_of(app).find(Store)

    async with serving(app):
        pass

    assert store.done == ["migrate", "open", "close"]


async def test_part_is_replaced_by_kind() -> None:
    """A hand-written fake is a stand-in for a typed client."""
    app = front(rest(Greeter, provider="back"))
    async with serving(app, replace={Greeter: Polite()}) as http:
        assert (await http.get("/")).json() == "good day, you"


async def test_two_services_talk_without_a_network(clock: FakeClock) -> None:
    """A typed client may be given the other application itself."""
    other = back()
    greeter = rest(Greeter, provider="back", transport=AsgiTransport(other))

    async with serving(other), serving(front(greeter)) as http:
        assert (await http.get("/")).json() == "hello, you"


async def test_service_without_an_api_answers_probes() -> None:
    """A worker is served like any other."""
    service = Service("worker", Settings())
    store = service.add(Store())

    async with serving(service) as http:
        told = (await http.get("/info")).json()

    assert told["service"] == "worker"
    assert store.done[-1] == "close"


async def test_application_without_a_service_is_refused() -> None:
    """The mend can be typed."""
    with pytest.raises(DeclarationError, match=r"return mount\(app, service\)"):
        async with serving(FastAPI()):
            pass


async def test_broker_for_a_service_without_events_is_refused() -> None:
    """It would be forgotten silently."""
    with pytest.raises(DeclarationError, match="neither publishes nor hears"):
        async with serving(back(), broker=object()):
            pass


class Speaker:
    """A part that speaks through a broker."""

    def __init__(self, broker: object) -> None:
        """Speak through `broker`."""
        self.broker = broker


class Wire:
    """A broker."""


async def test_broker_is_replaced_wherever_it_is_used() -> None:
    """The part itself, and in the parts that use it."""
    service = Service("worker", Settings())
    wire = service.add(Wire())
    speaker = service.add(Speaker(wire))
    fake = Wire()

    async with serving(service, broker=fake):
        found = service.find(Wire)

    assert found is fake
    assert speaker.broker is fake
