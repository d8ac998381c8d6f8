"""S6: every route says who may call it, or the service does not start."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from httpx2 import AsyncClient
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from fleetwright import Problem, Service, Settings
from fleetwright.auth import Access, Gate, allow, public, routes_and_callers
from fleetwright.auth._keys import FixedKeys
from fleetwright.errors import DeclarationError, SettingsError
from fleetwright.fastapi import Caller, mount
from fleetwright.testing import FakeIssuer, serving

ORDERS = {"ada": "first", "bob": "second"}


def desk(settings: Settings | None = None) -> FastAPI:
    """Return a service with a route of every kind."""
    router = APIRouter(prefix="/v1")

    @router.get("/orders/{customer}")
    @allow("storefront", scope="orders:read")
    async def order(customer: str, caller: Caller) -> str:
        if caller.kind == "user" and caller.subject != customer:
            raise Problem(404, "No such order")
        return ORDERS[customer]

    @router.delete("/orders")
    @allow(role="operator")
    async def forget() -> None:
        return None

    @router.get("/open")
    @public
    async def anyone() -> str:
        return "hello"

    app = FastAPI(title="desk")
    app.include_router(router)
    app.mount("/pages", public(PlainTextResponse("page")))
    app.mount("/files", allow("storefront")(PlainTextResponse("file")))
    return mount(app, Service("desk", settings or Settings()))


def as_read(app: FastAPI) -> dict[str, str]:
    """Return the table of routes and callers in words."""
    return {name: str(access) for name, access in routes_and_callers(app).items()}


def test_table_of_routes_and_callers_is_read_without_starting() -> None:
    """Tools see who may call what as data."""
    assert as_read(desk()) == {
        "GET /v1/orders/{customer}": "storefront, scope orders:read",
        "DELETE /v1/orders": "role operator",
        "GET /v1/open": "everyone",
        "MOUNT /pages": "everyone",
        "MOUNT /files": "storefront",
    }


def test_description_of_the_api_says_who_may_call() -> None:
    """A client learns from the promise that it needs a token, and of which scope."""
    document = desk().openapi()

    closed = document["paths"]["/v1/orders/{customer}"]["get"]
    assert closed["security"] == [{"token": ["orders:read"]}]
    assert closed["x-callers"] == ["storefront"]
    assert list(closed["responses"]["401"]["content"]) == ["application/problem+json"]
    assert "403" in closed["responses"]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    anyone = document["paths"]["/v1/open"]["get"]
    assert "security" not in anyone
    assert "401" not in anyone["responses"]


def silent(app: FastAPI) -> None:
    """Add a route of a router that does not say who may call."""
    router = APIRouter()

    @router.get("/v1/secrets")
    async def secrets() -> str:
        return "canary"

    app.include_router(router)


def plain(app: FastAPI) -> None:
    """Add a route of Starlette that does not say who may call."""

    async def secrets(request: Request) -> PlainTextResponse:
        return PlainTextResponse("canary")

    app.add_route("/v1/secrets", secrets)


def mounted(app: FastAPI) -> None:
    """Mount an application that does not say who may call."""
    app.mount("/v1/secrets", PlainTextResponse("canary"))


def websocket(app: FastAPI) -> None:
    """Add a websocket that does not say who may call."""

    async def secrets(socket: WebSocket) -> None:
        await socket.close()

    app.add_api_websocket_route("/v1/secrets", secrets)


@pytest.mark.parametrize("inside", [False, True])
async def test_files_served_past_the_routes_are_found_too(
    tmp_path: Path, inside: bool
) -> None:
    """FastAPI's `frontend()` is in no list of routes, and open to everyone."""
    (tmp_path / "index.html").write_text("canary")
    app = desk()
    router = APIRouter()
    (router if inside else app).frontend("/ui", directory=tmp_path)
    app.include_router(router)

    with pytest.raises(DeclarationError, match="FRONTEND 1"):
        async with serving(app):
            pass


@pytest.mark.parametrize("add", [silent, plain, mounted, websocket])
async def test_undeclared_route_keeps_the_service_from_starting(
    add: Callable[[FastAPI], None],
) -> None:
    """The error lists each such route, whatever kind it is."""
    app = desk()
    add(app)

    with pytest.raises(DeclarationError, match=r"/v1/secrets\nhint: put @allow"):
        async with serving(app):
            pass


def growing(grow: Callable[[FastAPI], None], *, has_routes: bool = True) -> FastAPI:
    """Return a service whose own start adds routes."""

    @contextlib.asynccontextmanager
    async def start(running: FastAPI) -> AsyncIterator[None]:
        grow(running)
        yield

    app = FastAPI(title="desk", lifespan=start)

    async def anyone() -> str:
        return "hello"

    if has_routes:
        app.get("/open")(public(anyone))
    return mount(app, Service("desk", Settings()))


def closed(app: FastAPI) -> None:
    """Add a route that only storefront may call."""

    @app.get("/v1/late")
    @allow("storefront")
    async def late() -> str:
        return "canary"


@pytest.mark.parametrize("has_routes", [False, True])
async def test_route_added_by_the_start_asks_who_calls(has_routes: bool) -> None:
    """What is declared late is guarded as well."""
    app = growing(closed, has_routes=has_routes)
    issuer = FakeIssuer()
    settings = Settings(auth_issuer=issuer.url)
    gate = Gate("desk", settings, keys=FixedKeys(issuer.document()))
    gate.tables.extend(app.state.fleetwright.gate.tables)
    app.state.fleetwright.gate = gate

    async with serving(app, caller=None) as http:
        statuses = [(await http.get("/v1/late")).status_code]
        for caller in ("payments", "storefront"):
            token = issuer.token("desk", caller=caller)
            headers = {"Authorization": f"Bearer {token}"}
            answer = await http.get("/v1/late", headers=headers)
            statuses.append(answer.status_code)

    assert statuses == [401, 403, 200]


@pytest.mark.parametrize("add", [silent, plain, mounted, websocket])
async def test_undeclared_route_added_by_the_start_ends_it(
    add: Callable[[FastAPI], None],
) -> None:
    """It fails like one that was there before."""
    with pytest.raises(DeclarationError, match=r"/v1/secrets\nhint: put @allow"):
        async with serving(growing(add)):
            pass


async def test_protected_websocket_is_refused_at_the_start() -> None:
    """What cannot be guarded is not silently left open."""
    app = desk()

    @app.websocket("/v1/feed")
    @allow("storefront")
    async def feed(socket: WebSocket) -> None:
        await socket.close()

    with pytest.raises(DeclarationError, match="cannot ask who calls"):
        async with serving(app):
            pass


async def test_service_without_an_issuer_does_not_start() -> None:
    """Closed unless opened: nobody starts a service that cannot tell who calls."""
    app = desk()

    with pytest.raises(SettingsError, match="no issuer is set"):
        async with app.router.lifespan_context(app):
            pass


async def test_service_may_be_opened_by_a_setting(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """AUTH=off lets everyone in everywhere, and the log says so at the start."""
    app = desk(Settings(auth="off"))

    async with serving(app, caller=None) as http:
        answer = await http.delete("/v1/orders")

    assert answer.status_code == 200
    assert "auth.off" in capsys.readouterr().out


Ask = Callable[..., Awaitable[int]]


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Give a way to call the desk as somebody."""
    issuer = FakeIssuer()
    app = desk()
    service: Service = app.state.fleetwright
    settings = Settings(auth_issuer=issuer.url)
    gate = Gate("desk", settings, keys=FixedKeys(issuer.document()))
    gate.tables.extend(service.gate.tables)
    service.gate = gate

    async def called(method: str, path: str, **who: object) -> int:
        token = issuer.token("desk", **who)  # type: ignore[arg-type]
        headers = {"Authorization": f"Bearer {token}"}
        return (await http.request(method, path, headers=headers)).status_code

    async with serving(app, caller=None) as http:
        yield called


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ({"caller": "storefront"}, 200),
        ({"caller": "payments"}, 403),
        ({"caller": "ada", "scopes": ["orders:read"]}, 200),
        ({"caller": "ada", "scopes": ["orders:write"]}, 403),
        ({"caller": "bob", "scopes": ["orders:read"]}, 404),
        # A user who calls himself like a service is a user all the same.
        ({"caller": "storefront", "scopes": []}, 403),
    ],
)
async def test_route_lets_in_whom_it_names(
    ask: Ask, who: dict[str, object], status: int
) -> None:
    """Services by name, users by scope; another customer's order is not there."""
    assert await ask("GET", "/v1/orders/ada", **who) == status


async def test_mounted_application_is_guarded_too(ask: Ask) -> None:
    """What stands under a path asks like a route."""
    assert await ask("GET", "/files/", caller="storefront") == 200
    assert await ask("GET", "/files/", caller="payments") == 403


async def test_router_shared_by_two_services_asks_the_right_one() -> None:
    """A token for one service opens no door of another that has the same routes."""
    router = APIRouter()

    @router.get("/v1/orders")
    @allow("storefront")
    async def orders() -> str:
        return "canary"

    apps = []
    for name in ("one", "two"):
        app = FastAPI()
        app.include_router(router)
        apps.append(mount(app, Service(name, Settings())))
    async with (
        serving(apps[0], caller="storefront") as one,
        serving(apps[1], caller=None) as two,
    ):
        request = (await one.get("/v1/orders")).request
        stolen = {"Authorization": request.headers["Authorization"]}

        assert (await one.get("/v1/orders")).status_code == 200
        assert (await two.get("/v1/orders", headers=stolen)).status_code == 401


@pytest.mark.parametrize(
    "declare",
    [
        lambda: allow(),
        lambda: allow("Storefront"),
        lambda: allow(scope="two words"),
        lambda: allow("storefront")(public(lambda: None)),
        lambda: public(allow("storefront")(lambda: None)),
    ],
)
def test_odd_declarations_fail_where_they_stand(
    declare: Callable[[], object],
) -> None:
    """A slip is found at import and not by the first caller."""
    with pytest.raises(DeclarationError, match="hint:"):
        declare()


def test_declarations_are_values() -> None:
    """Two routes that say the same compare equal."""

    @allow("a", scope="s")
    def handler() -> None:
        """Do nothing."""

    assert vars(handler)["__access__"] == Access(services=frozenset("a"), scope="s")


async def test_undeclared_route_of_a_gate_lets_nobody_in(shut: AsyncClient) -> None:
    """Where an adapter finds no declaration, the gate stays shut."""
    assert (await shut.get("/")).status_code == 403


@pytest.fixture
async def shut() -> AsyncIterator[AsyncClient]:
    """Give a client of a service whose handler asks the gate without a declaration."""
    app = FastAPI()
    service = Service("desk", Settings())

    @app.get("/")
    @allow("storefront")
    async def root() -> None:
        service.gate.require(None)

    async with serving(mount(app, service)) as client:
        yield client


async def test_handler_of_an_opened_service_is_told_that_anyone_calls() -> None:
    """With AUTH=off a handler that asks who calls goes on, trusting them."""
    async with serving(desk(Settings(auth="off")), caller=None) as http:
        assert (await http.get("/v1/orders/ada")).json() == "first"
