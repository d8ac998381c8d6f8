"""The small services the experiments break."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any, Protocol

import structlog
from fastapi import FastAPI
from pydantic import BaseModel, SecretStr

from fleetwright import Problem, Service, Settings, Unavailable
from fleetwright.fastapi import mount
from fleetwright.resilience import Bulkhead, CircuitBreaker, Pipeline, Retry, Timeout
from fleetwright.rest import get, post, rest

BIG = 12_345_678_901_234_567  # cut anywhere, its text is another number


class Control(BaseModel):
    """How a leaf shall behave from now on.

    Attributes:
        status: What it answers; 200 when it is well.
        work_seconds: How long each answer takes.
    """

    status: int = 200
    work_seconds: float = 0.0


class Seen(BaseModel):
    """What a leaf has seen since it was told to forget.

    Attributes:
        arrived: Calls that came in.
        at_once: Calls being answered now.
        most_at_once: The most that ever were.
    """

    arrived: int = 0
    at_once: int = 0
    most_at_once: int = 0


class LeafSettings(Settings):
    """Settings of a leaf.

    Attributes:
        workers: How many answers are worked on at once.
        work_seconds: How long each takes.
    """

    workers: int = 1000
    work_seconds: float = 0.0


class Thing(BaseModel):
    """What a leaf answers."""

    number: int


class Leaf(Protocol):
    """What callers need of a leaf."""

    @get("/v1/thing")
    async def thing(self) -> Thing:
        """Return the thing."""
        ...

    @get("/v1/number")
    async def number(self) -> int:
        """Return BIG."""
        ...

    @post("/v1/charges")
    async def charge(self) -> Thing:
        """Charge once."""
        ...


def create_leaf() -> FastAPI:
    """Return a service at the end of a chain, told how to behave by `/control`."""
    settings = LeafSettings.load()
    app = FastAPI()
    working = asyncio.Semaphore(settings.workers)
    now = Control(work_seconds=settings.work_seconds)
    seen = Seen()

    @app.post("/control")
    async def control(new: Control) -> None:
        nonlocal now
        now = new

    @app.get("/seen")
    async def what_was_seen(forget: bool = False) -> Seen:
        found = seen.model_copy()
        if forget:
            seen.arrived, seen.most_at_once = 0, seen.at_once
        return found

    async def work() -> None:
        seen.arrived += 1
        seen.at_once += 1
        seen.most_at_once = max(seen.most_at_once, seen.at_once)
        try:
            async with working:
                await asyncio.sleep(now.work_seconds)
        finally:
            seen.at_once -= 1
        if now.status != 200:
            raise Problem(now.status, "Told to fail", kind="told")

    @app.get("/v1/thing")
    async def thing() -> Thing:
        await work()
        return Thing(number=1)

    @app.get("/v1/number")
    async def number() -> int:
        await work()
        return BIG

    @app.post("/v1/charges")
    async def charge() -> Thing:
        await work()
        return Thing(number=1)

    return mount(app, Service("leaf", settings))


def create_tier() -> FastAPI:
    """Return a service in the middle: it answers what the next one answers."""
    name = os.environ["TIER"]
    provider = os.environ["NEXT"]
    service = Service(name, Settings.load())
    beyond: Any = service.add(rest(Leaf, provider=provider))
    app = FastAPI()

    @app.get("/v1/thing")
    async def thing() -> Thing:
        found: Thing = await beyond.thing()
        return found

    return mount(app, service)


def create_desk() -> FastAPI:
    """Return a service that takes orders also while they cannot be charged."""
    service = Service("desk", Settings.load())
    pipeline = Pipeline(
        "payments", Timeout(0.8), Retry(), CircuitBreaker(), Bulkhead(32), Timeout(0.4)
    )
    payments: Any = service.add(rest(Leaf, provider="payments", pipeline=pipeline))
    app = FastAPI()

    @app.get("/v1/order")
    async def order() -> str:
        try:
            await payments.charge()
        except Unavailable:
            return "accepted, to be charged later"
        return "accepted"

    return mount(app, service)


def create_stepped_tier() -> FastAPI:
    """Return a service in the middle that tells its time of day, moved if so wished."""
    file = os.environ.get("STEPPED_CLOCK")
    if file is not None:
        real = time.time
        time.time = lambda: real() + float(Path(file).read_text())
    app = create_tier()

    @app.get("/now")
    async def now() -> float:
        return time.time()

    return app


def create_echo() -> FastAPI:
    """Return a service that takes bodies, burns time, and tells about itself."""
    app = FastAPI()

    class Words(BaseModel):
        text: str

    @app.post("/v1/words")
    async def words(body: Words) -> int:
        return len(body.text)

    @app.get("/v1/quick")
    async def quick() -> str:
        return "quick"

    @app.get("/v1/busy")
    async def busy(seconds: float = 0.004) -> str:
        ends = time.thread_time() + seconds
        while time.thread_time() < ends:
            pass
        await asyncio.sleep(0.02)
        return "busy"

    return mount(app, Service("echo", Settings.load()))


class TalkerSettings(Settings):
    """Settings of a service that logs much.

    Attributes:
        filler_bytes: How long its lines are.
    """

    filler_bytes: int = 100


def create_talker() -> FastAPI:
    """Return a service that writes two long lines for each request."""
    settings = TalkerSettings.load()
    app = FastAPI()
    log = structlog.get_logger("talker")
    filler = "x" * settings.filler_bytes

    @app.get("/v1/talk")
    async def talk() -> str:
        log.info("talker.talked", filler=filler)
        log.info("talker.talked", filler=filler)
        return "talked"

    return mount(app, Service("talker", settings))


class StrictSettings(Settings):
    """Settings with a secret and a number.

    Attributes:
        bank_token: A secret without a default.
        charge_seconds: A number.
    """

    bank_token: SecretStr
    charge_seconds: float = 2.0


def create_strict() -> FastAPI:
    """Return a service that needs its settings to be right."""
    return mount(FastAPI(), Service("strict", StrictSettings.load()))
