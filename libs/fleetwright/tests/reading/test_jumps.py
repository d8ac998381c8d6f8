"""A call is followed without losing the thread: few files, few jumps between them."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Protocol

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

import fleetwright
from fleetwright import Service, Settings
from fleetwright.auth import allow
from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, Event, Subscriptions, connect
from fleetwright.events._broker import Delivery
from fleetwright.events._envelope import encode
from fleetwright.fastapi import Caller, Uses, mount
from fleetwright.resilience import Pipeline, Retry, Timeout
from fleetwright.rest import get, rest
from fleetwright.testing import AsgiTransport, serving

OURS = str(Path(fleetwright.__file__).parent)
# What stands behind OpenTelemetry's API is off, unless another test switched it on.
OTHERS = ("/testing/", "/_telemetry/")


class Walk:
    """Which of our files a call enters, in order.

    Attributes:
        path: File names in the order of entering, repeated ones included.
    """

    def __init__(self) -> None:
        """Begin nowhere."""
        self.path: list[str] = []

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """Note a function of ours being entered.

        Args:
            frame: The function's frame.
            event: What happens to it.
            argument: Unused.
        """
        name = frame.f_code.co_filename
        is_ours = name.startswith(OURS) and not any(part in name for part in OTHERS)
        if event == "call" and is_ours:
            self.path.append(name.removeprefix(OURS + "/"))

    @property
    def files(self) -> set[str]:
        """The distinct files entered."""
        return set(self.path)

    @property
    def jumps(self) -> int:
        """How often the next function was in another file."""
        pairs = zip(self.path, self.path[1:], strict=False)
        return sum(before != after for before, after in pairs)


async def walked(call: Callable[[], Awaitable[object]]) -> Walk:
    """Return the walk of one warm call.

    Args:
        call: What to follow; it is made twice before.
    """
    await call()
    await call()
    walk = Walk()
    sys.setprofile(walk)
    try:
        await call()
    finally:
        sys.setprofile(None)
    return walk


class Greeting(BaseModel):
    """What the service says."""

    text: str


class Greeter(Protocol):
    """A service that greets."""

    @get("/v1/greetings/{name}")
    async def greet(self, name: str) -> Greeting:
        """Return the greeting for a name."""
        ...


def greeting_app() -> FastAPI:
    """Return a service that greets, with one part used by its handler."""
    service = Service("greeter", Settings())
    service.add(Part())
    app = FastAPI(title="greeter")

    @app.get("/v1/greetings/{name}")
    async def greet(name: str, part: Annotated[Part, Uses(Part)]) -> Greeting:
        return Greeting(text=f"{part.word} {name}")

    return mount(app, service)


class Part:
    """Something the handler uses.

    Attributes:
        word: What it says.
    """

    word = "hello"


async def test_call_in_walks_at_most_8_files_and_20_jumps() -> None:
    """The story of a call coming in is read in few places."""
    async with serving(greeting_app()) as http:
        walk = await walked(lambda: http.get("/v1/greetings/ada"))

    assert len(walk.files) <= 8, sorted(walk.files)
    assert 0 < walk.jumps <= 20, walk.path


async def test_call_out_walks_at_most_9_files_and_30_jumps() -> None:
    """The story of a call going out through the pipeline is read in few places."""
    pipeline = Pipeline("greet", Timeout(2.0), Retry(attempts=3))
    app = greeting_app()
    async with serving(app):
        transport = AsgiTransport(app)
        greeter = rest(
            Greeter, provider="greeter", pipeline=pipeline, transport=transport
        )
        walk = await walked(lambda: greeter.greet("ada"))

    outward = [
        name
        for name in walk.path
        if name.startswith(("rest/", "resilience/", "_transport", "_address"))
    ]
    out = Walk()
    out.path = outward
    assert len(out.files) <= 9, sorted(out.files)
    assert 0 < out.jumps <= 30, out.path


class Greeted(Event, topic="greeter.greeted"):
    """Somebody was greeted."""

    name: str


async def test_event_in_walks_at_most_10_files_and_30_jumps() -> None:
    """The story of an event coming in is read in few places."""
    heard: list[str] = []
    subscriptions = Subscriptions()

    @subscriptions.on(Greeted)
    async def hear(greeted: Greeted, transaction: AsyncSession) -> None:
        heard.append(greeted.name)

    database = AsyncDatabase("sqlite+aiosqlite://")
    consumer = Consumer(database, connect("memory://walk"), subscriptions, group="walk")
    await consumer.open()
    coming = iter(
        [
            Delivery(encode(Greeted(name="ada"), source="greeter"), 0, 1, position)
            for position in range(3)
        ]
    )

    async def deliver() -> None:
        await consumer.deliver(next(coming))

    walk = await walked(deliver)
    await consumer.close()
    await database.close()

    inward = Walk()
    driver = ("_sqlite", "_async_database.py", "_failures.py")
    inward.path = [name for name in walk.path if not name.startswith(driver)]
    assert heard == ["ada"] * 3
    assert len(inward.files) <= 10, sorted(inward.files)
    assert 0 < inward.jumps <= 30, inward.path


async def test_proved_call_in_walks_at_most_13_files_and_32_jumps() -> None:
    """Who calls and whether they may is read in five places more."""
    app = FastAPI(title="greeter")

    @app.get("/v1/greetings/{name}")
    @allow("storefront")
    async def greet(name: str, caller: Caller) -> Greeting:
        return Greeting(text=f"{caller.subject} greets {name}")

    mounted = mount(app, Service("greeter", Settings()))
    async with serving(mounted, caller="storefront") as http:
        walk = await walked(lambda: http.get("/v1/greetings/ada"))

    assert len(walk.files) <= 13, sorted(walk.files)
    assert 0 < walk.jumps <= 32, walk.path
