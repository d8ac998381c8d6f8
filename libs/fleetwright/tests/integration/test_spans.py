"""Spans of a service, as a receiver of OTLP reads them."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Protocol

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from opentelemetry import trace
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp_receiver import Receiver, attributes, receiving
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import Problem, Service, Settings, _telemetry
from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, Event, Outbox, Subscriptions, connect, publish
from fleetwright.fastapi import Uses, mount
from fleetwright.resilience import Pipeline, Retry, Timeout
from fleetwright.rest import get, rest
from fleetwright.testing import AsgiTransport, Faults, serving

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class Quote(BaseModel):
    """What the catalog answers."""

    pence: int


class Catalog(Protocol):
    """The part of the catalog that is called."""

    @get("/v1/quotes/{sku}")
    async def quote(self, sku: str) -> Quote:
        """Return the price."""
        ...


class Sold(Event, topic="shops.sold"):
    """Something was sold."""

    sku: str


hearing = Subscriptions()


@hearing.on(Sold)
async def count(sold: Sold, transaction: AsyncSession) -> None:
    """Count what was sold."""
    await transaction.execute(text("insert into sales values (:sku)"), {"sku": "x"})


def catalog(failing: list[int]) -> FastAPI:
    """Return a catalog that answers with statuses while there are some left."""
    app = FastAPI()

    @app.get("/v1/quotes/{sku}")
    async def quote(sku: str) -> Quote:
        if failing:
            raise Problem(failing.pop(), "Not now")
        return Quote(pence=250)

    return mount(app, Service("catalog", Settings(environment="test", auth="off")))


def shop(folder: Any, provider: FastAPI) -> FastAPI:
    """Return a shop that calls, keeps, tells and hears."""
    settings = Settings(environment="test", auth="off")
    service, app = Service("shop", settings), FastAPI()
    database = service.add(AsyncDatabase(f"sqlite+aiosqlite:///{folder}/shop.db"))
    broker = service.add(connect(f"embedded:///{folder}/broker.db"))
    guards = Pipeline("catalog", Timeout(2.0), Retry(first_seconds=0.01))
    transport = AsgiTransport(provider)
    service.add(rest(Catalog, provider="catalog", pipeline=guards, transport=transport))
    service.add(Outbox(database, broker))
    service.add(Consumer(database, broker, hearing))

    @app.post("/v1/sales/{sku}")
    async def sell(
        sku: str,
        quotes: Annotated[Catalog, Uses(Catalog)],
        kept: Annotated[AsyncDatabase, Uses(AsyncDatabase)],
    ) -> Quote:
        with trace.get_tracer("shop.prices", "7").start_as_current_span("price") as one:
            one.set_attribute("api_token", "geheim")
            quote = await quotes.quote(sku)
        async with kept.transaction() as transaction:
            publish(transaction, Sold(sku=sku))
        return quote

    return mount(app, service)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Return a receiver that the environment names."""
    with receiving() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield found
        _telemetry.tear_down()


@pytest.fixture
def failing() -> list[int]:
    """Return the statuses that the catalog answers with first."""
    return []


@pytest.fixture
async def client(
    receiver: Receiver, tmp_path: Any, failing: list[int]
) -> AsyncIterator[AsyncClient]:
    """Serve the shop, its spans going to the receiver."""
    _telemetry.set_up("shop", Settings(environment="test", auth="off"), version="3")
    provider = catalog(failing)
    app = shop(tmp_path, provider)
    async with serving(provider), serving(app) as found:
        database = app.state.fleetwright.find(AsyncDatabase)
        async with database.transaction() as transaction:
            await transaction.execute(text("create table sales (sku text)"))
        yield found


def named(receiver: Receiver, name: str) -> list[Span]:
    """Return the spans of a name, in the order they began."""
    found = [span for span in receiver.spans if span.name == name]
    return sorted(found, key=lambda span: span.start_time_unix_nano)


def is_below(span: Span, parent: Span) -> bool:
    """Return whether a span is the child of another one."""
    same = span.trace_id == parent.trace_id
    return same and span.parent_span_id == parent.span_id


async def test_one_trace_goes_from_the_call_to_the_reaction(
    client: AsyncClient, receiver: Receiver
) -> None:
    """Call in, work, call out, event told, carried and heard: none is missing."""
    traceparent = f"00-{TRACE}-{PARENT}-01"

    await client.post("/v1/sales/tea", headers={"traceparent": traceparent})

    await receiver.until(lambda: named(receiver, "INSERT sales"))
    await receiver.until(lambda: named(receiver, "send shops.sold"))
    (sale,) = named(receiver, "POST /v1/sales/{sku}")
    (price,) = named(receiver, "price")
    asked, answered = named(receiver, "GET /v1/quotes/{sku}")
    (told,) = named(receiver, "create shops.sold")
    (sent,) = named(receiver, "send shops.sold")
    (heard,) = named(receiver, "process shops.sold")
    (kept,) = named(receiver, "INSERT sales")
    assert sale.trace_id.hex() == TRACE
    assert sale.parent_span_id.hex() == PARENT
    assert is_below(price, sale)
    assert is_below(asked, price)
    assert is_below(answered, asked)
    assert is_below(told, sale)
    assert is_below(sent, told)
    assert is_below(heard, told)
    assert is_below(kept, heard)


async def test_an_attempt_that_failed_is_a_span_of_its_own(
    client: AsyncClient, receiver: Receiver, failing: list[int]
) -> None:
    """Both attempts are there, the second one says so, the first one says why."""
    failing.append(503)

    await client.post("/v1/sales/tea")

    await receiver.until(lambda: named(receiver, "POST /v1/sales/{sku}"))
    spans = named(receiver, "GET /v1/quotes/{sku}")
    first, second = (span for span in spans if span.kind == Span.SPAN_KIND_CLIENT)
    (price,) = named(receiver, "price")
    assert is_below(first, price)
    assert is_below(second, price)
    assert first.status.code == Status.STATUS_CODE_ERROR
    assert attributes(first)["http.response.status_code"] == 503
    assert attributes(second)["http.request.resend_count"] == 1
    assert attributes(second)["http.response.status_code"] == 200


async def test_an_injected_fault_is_an_attempt_that_failed(
    client: AsyncClient, receiver: Receiver, faults: Faults
) -> None:
    """Whoever looks at a trace sees it where the provider would have failed."""
    faults.add("shop->catalog", error=503)

    await client.post("/v1/sales/tea")

    await receiver.until(lambda: named(receiver, "POST /v1/sales/{sku}"))
    first, *_ = named(receiver, "GET /v1/quotes/{sku}")
    assert first.kind == Span.SPAN_KIND_CLIENT
    assert first.status.code == Status.STATUS_CODE_ERROR
    assert attributes(first)["service.peer.name"] == "catalog"


async def test_spans_say_what_the_standard_calls_it(
    client: AsyncClient, receiver: Receiver
) -> None:
    """The server's, the user's and the database's, with no secret and no value."""
    await client.post("/v1/sales/tea")

    await receiver.until(lambda: named(receiver, "INSERT sales"))
    (sale,) = named(receiver, "POST /v1/sales/{sku}")
    (price,) = named(receiver, "price")
    (kept,) = named(receiver, "INSERT sales")
    said = attributes(sale)
    assert sale.kind == Span.SPAN_KIND_SERVER
    assert said["http.request.method"] == "POST"
    assert said["http.route"] == "/v1/sales/{sku}"
    assert said["http.response.status_code"] == 200
    assert attributes(price) == {"api_token": "***"}
    assert attributes(kept)["db.query.text"] == "insert into sales values (?)"
    assert attributes(kept)["db.system.name"] == "sqlite"
