"""A FastAPI application on a service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

import pytest
import structlog
from fastapi import APIRouter, BackgroundTasks, FastAPI, HTTPException, Request
from httpx2 import ASGITransport, AsyncClient
from pydantic import BaseModel

from fleetwright import Problem, Refused, Service, Settings, Unavailable
from fleetwright._context import current_call
from fleetwright._deadline import current_deadline
from fleetwright.errors import DeclarationError
from fleetwright.fastapi import Uses, mount


class Shelf:
    """A part that is open or not."""

    is_open = False

    async def open(self) -> None:
        """Open."""
        self.is_open = True

    async def close(self) -> None:
        """Close."""
        self.is_open = False


class Card(BaseModel):
    """A body with a secret."""

    number: int


def shop(**given: Any) -> tuple[FastAPI, Service]:
    """Return a small application on a service with one part."""
    service = Service("shop", Settings(**given))
    service.add(Shelf())
    return mount(FastAPI(), service), service


@asynccontextmanager
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """Start the application and call it without sockets."""
    transport = ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=transport, base_url="http://shop") as http,
    ):
        yield http


async def test_handler_gets_the_open_part() -> None:
    """`Uses` hands out the part of the service the request came in to."""
    app, _ = shop()

    @app.get("/")
    async def root(shelf: Annotated[Shelf, Uses(Shelf)]) -> bool:
        return shelf.is_open

    async with client(app) as http:
        assert (await http.get("/")).json() is True


async def test_parts_live_around_the_lifespan_of_the_application() -> None:
    """The application's own start finds open parts, its end still has them."""
    seen: list[bool] = []
    service = Service("shop", Settings())
    shelf = service.add(Shelf())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        seen.append(shelf.is_open)
        yield {"warm": True}
        seen.append(shelf.is_open)

    app = mount(FastAPI(lifespan=lifespan), service)

    @app.get("/")
    async def root(request: Request) -> bool:
        return bool(getattr(request.state, "warm", False))

    async with client(app):
        pass

    assert seen == [True, True]
    assert not shelf.is_open


async def test_failed_start_of_the_application_closes_the_parts() -> None:
    """A lifespan that raises leaves nothing open, and is remembered as the reason."""

    def lifespan(app: FastAPI) -> AbstractAsyncContextManager[None]:
        raise KeyError("mine")

    service = Service("shop", Settings())
    shelf = service.add(Shelf())
    app = mount(FastAPI(lifespan=lifespan), service)

    with pytest.raises(KeyError):
        async with client(app):
            pass

    assert not shelf.is_open
    assert isinstance(service.lifecycle.failure, KeyError)


def test_application_is_mounted_once() -> None:
    """Two services cannot share an application."""
    app, service = shop()

    with pytest.raises(DeclarationError, match="mounted or started already"):
        mount(app, service)


async def test_fastapi_telemetry_is_off() -> None:
    """Spans of FastAPI's own would double ours."""
    app, _ = shop()

    assert not app._native_telemetry.enabled()


async def test_call_and_deadline_are_bound_in_the_handler() -> None:
    """What came in with the request is there without a parameter."""
    app, _ = shop(request_seconds=3)

    @app.get("/")
    async def root() -> dict[str, Any]:
        call, deadline = current_call(), current_deadline()
        assert call is not None
        assert deadline is not None
        return {"id": call.id, "caller": call.caller, "left": deadline.left()}

    headers = {"Fleet-Call-Id": "c-1", "Fleet-Caller": "web"}
    async with client(app) as http:
        own = (await http.get("/", headers=headers)).json()
        asked = {"Fleet-Deadline-Ms": "1000"}
        theirs = (await http.get("/", headers=asked)).json()
        more = (await http.get("/", headers={"Fleet-Deadline-Ms": "9000"})).json()

    assert (own["id"], own["caller"]) == ("c-1", "web")
    assert 2 < own["left"] <= 3
    assert theirs["left"] <= 1
    assert more["left"] <= 3


async def test_slow_handler_is_answered_504_and_cut() -> None:
    """At the deadline the work is cancelled and the caller told."""
    app, _ = shop(request_seconds=0.02)
    cut = asyncio.Event()

    @app.get("/")
    async def root() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()

    async with client(app) as http:
        answer = await http.get("/")

    assert (answer.status_code, answer.json()["kind"]) == (504, "timeout")
    assert answer.headers["content-type"] == "application/problem+json"
    assert cut.is_set()


async def test_call_that_arrives_too_late_is_not_worked_on() -> None:
    """An expired deadline is answered 504 without running the handler."""
    app, _ = shop()
    ran: list[int] = []

    @app.get("/")
    async def root() -> None:
        ran.append(1)

    async with client(app) as http:
        answer = await http.get("/", headers={"Fleet-Deadline-Ms": "0"})

    assert (answer.status_code, ran) == (504, [])


@pytest.mark.usefixtures("clock")
async def test_background_task_is_not_cut_by_the_deadline() -> None:
    """Once the answer is out nobody waits any more."""
    app, _ = shop(request_seconds=0.02)
    finished = asyncio.Event()

    async def later() -> None:
        await asyncio.sleep(0.04)
        finished.set()

    @app.get("/")
    async def root(tasks: BackgroundTasks) -> None:
        tasks.add_task(later)

    async with client(app) as http:
        assert (await http.get("/")).status_code == 200

    assert finished.is_set()


async def test_calls_are_refused_while_the_service_is_not_open() -> None:
    """Before the start and after the end: 503 and when to come again."""
    app, _ = shop()
    transport = ASGITransport(app=app)
    async with AsyncClient(transport=transport, base_url="http://shop") as http:
        answer = await http.get("/")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json()["kind"] == "not_serving"


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (Problem(409, "Sold out", kind="sold_out"), 409, "Sold out"),
        (Unavailable("x", reason="connect"), 503, "Not available now"),
        (Unavailable("x", reason="timeout"), 504, "Not answered in time"),
        (Refused("x", status=404), 502, "A provider refused"),
        (HTTPException(403, "not yours"), 403, "Forbidden"),
        (HTTPException(403, {"why": 1}), 403, "Forbidden"),
        (ValueError("canary"), 500, "Internal Server Error"),
    ],
)
async def test_errors_become_problems(
    error: Exception, status: int, title: str
) -> None:
    """Whatever a handler raises, the answer is a problem with the trace id."""
    app, _ = shop()

    @app.get("/")
    async def root() -> None:
        raise error

    # A traceback for people takes a second of a core, and the call's own time with it.
    with structlog.testing.capture_logs():
        async with client(app) as http:
            answer = await http.get("/")

    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["title"]) == (status, title)
    assert len(answer.json()["instance"]) == 32
    assert "canary" not in answer.text


async def test_unexpected_error_is_logged_with_its_traceback() -> None:
    """Someone must look: one ERROR line with the exception, one canonical line."""
    app, _ = shop()

    @app.get("/")
    async def root() -> None:
        raise ValueError("mine")

    with structlog.testing.capture_logs() as logged:
        async with client(app) as http:
            await http.get("/")

    failed, answered = logged
    assert (failed["event"], failed["log_level"]) == ("call.failed", "error")
    assert isinstance(failed["exc_info"], ValueError)
    assert (answered["status"], answered["outcome"]) == (500, "failed")


async def test_unknown_route_and_method_are_problems() -> None:
    """The router's own refusals look like ours and keep their headers."""
    app, _ = shop()

    @app.get("/")
    async def root() -> None:
        return None

    async with client(app) as http:
        missing = await http.get("/nope")
        wrong = await http.post("/")

    assert (missing.status_code, missing.json()["title"]) == (404, "Not Found")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")


async def test_all_methods_of_a_path_are_allowed_however_it_is_declared() -> None:
    """`Allow` names those of every route that the path fits, of routers as well."""
    app, _ = shop()
    router = APIRouter(prefix="/v1")

    @router.get("/things/{name}")
    async def look(name: str) -> None:
        return None

    @router.put("/things/{name}")
    async def keep(name: str) -> None:
        raise HTTPException(405, headers={"Allow": "GET"})

    app.include_router(router)
    async with client(app) as http:
        wrong = await http.delete("/v1/things/tea")
        refused = await http.put("/v1/things/tea")

    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, PUT")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")


async def test_invalid_request_is_explained_without_its_input() -> None:
    """A 422 says where and why; what was sent may be a secret."""
    app, _ = shop()

    @app.post("/")
    async def root(card: Card) -> None:
        return None

    async with client(app) as http:
        answer = await http.post("/", json={"number": "canary"})

    assert "canary" not in answer.text
    assert answer.json()["kind"] == "invalid_request"
    assert answer.json()["errors"][0]["at"] == "body.number"


async def test_not_modified_has_no_body() -> None:
    """A status that allows no body gets none."""
    app, _ = shop()

    @app.get("/")
    async def root() -> None:
        raise HTTPException(304)

    async with client(app) as http:
        answer = await http.get("/")

    assert (answer.status_code, answer.content) == (304, b"")


async def test_handlers_of_the_application_are_kept() -> None:
    """Who answers an error himself goes on doing so."""
    app = FastAPI()

    @app.exception_handler(HTTPException)
    async def mine(request: Request, error: HTTPException) -> Any:
        raise Problem(418, "Mine")

    kept = app.exception_handlers[HTTPException]
    mount(app, Service("shop", Settings()))

    assert app.exception_handlers[HTTPException] is kept


async def test_canonical_line_names_the_route_not_the_path() -> None:
    """Lines of one route are found together; values of the path are not in them."""
    app, _ = shop()

    @app.get("/orders/{order_id}")
    async def order(order_id: str) -> str:
        return order_id

    with structlog.testing.capture_logs() as logged:
        async with client(app) as http:
            await http.get("/orders/7")
            await http.get("/nope")

    assert [(line["route"], line.get("path")) for line in logged] == [
        ("/orders/{order_id}", None),
        (None, "/nope"),
    ]


async def test_probes_answer_without_the_application() -> None:
    """Probes come before everything, in any state, with and without a body."""
    app, service = shop()

    async with client(app) as http:
        ready = await http.get("/readyz")
        head = await http.head("/livez")
        info = await http.get("/info")
        service.lifecycle.stop()
        stopping = await http.get("/readyz")

    assert (ready.status_code, head.status_code, stopping.status_code) == (
        200,
        200,
        503,
    )
    assert head.content == b""
    assert info.json()["parts"]["Shelf"] == {}


async def test_sync_handler_is_answered_as_well() -> None:
    """A `def` handler in its thread sees the call."""
    app, _ = shop()

    @app.get("/")
    def root() -> bool:
        return current_call() is not None

    async with client(app) as http:
        assert (await http.get("/")).json() is True
