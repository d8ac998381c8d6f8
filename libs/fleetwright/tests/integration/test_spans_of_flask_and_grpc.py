"""Spans of a Flask service and of calls over gRPC, as a receiver of OTLP reads them."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

import pytest
from fastapi import FastAPI
from flask import Flask
from httpx2 import AsyncClient
from opentelemetry import trace
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp_receiver import Receiver, attributes, receiving
from sqlalchemy import text

from fleetwright import Problem, Service, Settings, Unavailable, _telemetry
from fleetwright.database import Database
from fleetwright.fastapi import mount
from fleetwright.flask import mount as mount_flask
from fleetwright.flask import uses
from fleetwright.resilience import Pipeline, Timeout
from fleetwright.rest import get, rest
from fleetwright.testing import AsgiTransport, Faults, serving

SETTINGS = Settings(environment="test", auth="off")
METHOD = "fleetwright.tests.v1.Echo/Say"
PATIENCE_SECONDS = 60.0
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Desk(Protocol):
    """What the Flask service calls."""

    @get("/v1/words/{word}")
    def say(self, word: str) -> str:
        """Return what the desk says."""
        ...


def desk(echo: Any) -> FastAPI:
    """Return a service that asks another one over gRPC."""
    app = FastAPI()

    @app.get("/v1/words/{word}")
    async def say(word: str) -> str:
        return str(await echo.say(word))

    return mount(app, Service("desk", SETTINGS))


def till(folder: Any, provider: FastAPI) -> Flask:
    """Return a Flask service that works, keeps and calls."""
    service, app = Service("till", SETTINGS), Flask("till")
    service.add(Database(f"sqlite:///{folder}/till.db"))
    guards = Pipeline("desk", Timeout(30.0))
    transport = AsgiTransport(provider)
    service.add(rest(Desk, provider="desk", pipeline=guards, transport=transport))

    @app.get("/tills/<word>")
    def ring(word: str) -> str:
        with trace.get_tracer("till").start_as_current_span("count"):
            with uses(Database).transaction() as transaction:
                transaction.execute(text("insert into rung values ('x')"))
            return uses(Desk).say(word)

    return mount_flask(app, service)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Return a receiver that the environment names."""
    with receiving() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        _telemetry.set_up("shop", SETTINGS)
        yield found
        _telemetry.tear_down()


@pytest.fixture
async def client(
    receiver: Receiver, echo: Any, tmp_path: Any
) -> AsyncIterator[AsyncClient]:
    """Serve the till, the desk that it calls, and the echo that the desk calls."""
    await echo.start()
    provider = desk(echo)
    app = till(tmp_path, provider)
    database = app.extensions["fleetwright"].find(Database)
    async with serving(provider), serving(app) as found:
        with database.transaction() as transaction:
            transaction.execute(text("create table rung (word text)"))
        yield found


def of_kind(receiver: Receiver, name: str, kind: Any) -> list[Span]:
    """Return the spans of a name and a kind."""
    return [one for one in receiver.spans if one.name == name and one.kind == kind]


def chain(receiver: Receiver) -> list[Span]:
    """Return the spans of one call through all there are, outermost first."""
    wanted = [
        ("GET /tills/<word>", Span.SPAN_KIND_SERVER),
        ("count", Span.SPAN_KIND_INTERNAL),
        ("GET /v1/words/{word}", Span.SPAN_KIND_CLIENT),
        ("GET /v1/words/{word}", Span.SPAN_KIND_SERVER),
        (METHOD, Span.SPAN_KIND_CLIENT),
        (METHOD, Span.SPAN_KIND_SERVER),
    ]
    return [one for name, kind in wanted for one in of_kind(receiver, name, kind)]


async def test_one_trace_goes_through_flask_and_grpc(
    client: AsyncClient, receiver: Receiver
) -> None:
    """Each is below the one before: served by Flask, called, served, called, served."""
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}

    answer = await client.get("/tills/tea", headers=headers)

    assert answer.text == "tea"
    await receiver.until(lambda: len(chain(receiver)) == 6, PATIENCE_SECONDS)
    spans = chain(receiver)
    assert {one.trace_id.hex() for one in spans} == {TRACE}
    parents = [one.parent_span_id.hex() for one in spans]
    assert parents == [PARENT, *(one.span_id.hex() for one in spans[:-1])]
    (kept,) = of_kind(receiver, "INSERT rung", Span.SPAN_KIND_CLIENT)
    assert kept.parent_span_id == spans[1].span_id


async def test_spans_say_what_the_standard_calls_it(
    client: AsyncClient, receiver: Receiver
) -> None:
    """Method, route and status of Flask; system, method and status of gRPC."""
    await client.get("/tills/tea")

    await receiver.until(lambda: len(chain(receiver)) == 6, PATIENCE_SECONDS)
    rung, _, called, _, asked, said = map(attributes, chain(receiver))
    assert rung["http.request.method"] == "GET"
    assert rung["http.route"] == "/tills/<word>"
    assert rung["http.response.status_code"] == 200
    assert called["http.response.status_code"] == 200
    for one in (asked, said):
        assert one["rpc.system.name"] == "grpc"
        assert one["rpc.method"] == METHOD
        assert one["rpc.response.status_code"] == "OK"
    assert asked["service.peer.name"] == "echo"


async def test_a_call_that_fails_is_an_error_at_both_ends(
    echo: Any, receiver: Receiver
) -> None:
    """The caller's span names the status, the provider's own one as well."""

    async def refuse(words: str) -> str:
        raise Problem(503, "Away", kind="away")

    await echo.start()
    echo.answer = refuse

    with pytest.raises(Unavailable):
        await echo.say("tea", attempts=1)

    await receiver.until(lambda: len(chain(receiver)) == 2, PATIENCE_SECONDS)
    asked, said = chain(receiver)
    assert said.parent_span_id == asked.span_id
    for one in (asked, said):
        assert one.status.code == Status.STATUS_CODE_ERROR
        assert attributes(one)["rpc.response.status_code"] == "UNAVAILABLE"


async def test_an_injected_fault_is_a_call_that_failed(
    echo: Any, receiver: Receiver, faults: Faults
) -> None:
    """The provider heard nothing of it; who looks at the trace does."""
    await echo.start()
    faults.add("*->echo", error=503, at="caller")

    with pytest.raises(Unavailable):
        await echo.say("tea", attempts=1)

    await receiver.until(lambda: bool(chain(receiver)), PATIENCE_SECONDS)
    (asked,) = chain(receiver)
    assert asked.kind == Span.SPAN_KIND_CLIENT
    assert asked.status.code == Status.STATUS_CODE_ERROR
    assert attributes(asked)["rpc.response.status_code"] == "UNAVAILABLE"
