"""Who may call a Flask application, and what comes of a fault."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask_shop import Ask, Paper, by_others, by_us, shop

from fleetwright import Service, Settings, _logs
from fleetwright.auth import allow, public, routes_and_callers
from fleetwright.flask import caller, mount
from fleetwright.testing import Faults
from fleetwright.testing._issuer import Credentials, trust_tests


@pytest.fixture(autouse=True)
def paper(logs_put_back: None) -> Paper:
    """Set logs up as JSON on a sheet of paper."""
    paper = Paper()
    _logs.set_up("shop", Settings(log_format="json"), writer=paper)
    return paper


@pytest.fixture(params=[by_us, by_others], ids=["served by us", "served by others"])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Ask an application, however it is served."""
    yield request.param


def till() -> Flask:
    """Return an application whose routes say who may call."""
    app = Flask("till")

    @app.get("/who")
    @allow("storefront", scope="tills:read")
    def who() -> str:
        return str(caller())

    @app.get("/open")
    @public
    def opened() -> str:
        return "open"

    return mount(app, Service("till", Settings()))


@pytest.mark.parametrize(
    ("who", "status", "text"),
    [
        (None, 401, "not_authenticated"),
        ("payments", 403, "not_allowed"),
        ("storefront", 200, "service:storefront"),
    ],
)
async def test_route_asks_who_calls(
    ask: Ask, who: str | None, status: int, text: str
) -> None:
    """What the route declares is held, however the application is served."""
    app = till()
    trust_tests(app.extensions["fleetwright"])
    shown = Credentials(app.extensions["fleetwright"], who).headers()

    answer = await ask(app, "GET", "/who", headers=shown)

    assert answer.status == status
    assert text in answer.text


async def test_view_named_static_asks_who_calls_as_it_says(ask: Ask) -> None:
    """Flask's own files are open; a view that takes their name is a view."""
    app = Flask("till", static_folder=None)

    @app.get("/orders", endpoint="static")
    @allow("orders")
    def orders() -> str:
        return "canary"

    app = mount(app, Service("till", Settings()))
    trust_tests(app.extensions["fleetwright"])

    assert (await ask(app, "GET", "/orders")).status == 401


def test_undeclared_view_named_static_is_found() -> None:
    """Nobody gets past the question by a name."""
    app = Flask("till", static_folder=None)

    @app.get("/orders", endpoint="static")
    def orders() -> str:
        return "canary"

    mount(app, Service("till", Settings()))

    assert routes_and_callers(app)["GET /orders"] is None


async def test_public_route_asks_nobody(ask: Ask) -> None:
    """No token is looked at."""
    app = till()
    trust_tests(app.extensions["fleetwright"])

    answer = await ask(app, "GET", "/open")

    assert (answer.status, answer.text) == (200, "open")


async def test_handler_that_wants_a_caller_refuses_nobody_known(ask: Ask) -> None:
    """On a public route there may be none."""
    app = Flask("till")

    @app.get("/who")
    @public
    def who() -> str:
        return str(caller())

    answer = await ask(mount(app, Service("till", Settings())), "GET", "/who")

    assert (answer.status, answer.json_["kind"]) == (401, "not_authenticated")


async def test_fault_strikes_a_call_that_comes_in(ask: Ask, faults: Faults) -> None:
    """The plan is kept, however the application is served."""
    faults.add("*->shop", error=503, at="provider")

    answer = await ask(shop(), "GET", "/things/tea")

    assert (answer.status, answer.json_["kind"]) == (503, "fault_injected")
