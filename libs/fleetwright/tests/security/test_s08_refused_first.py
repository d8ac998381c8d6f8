"""S8: who may not call is told so before anything they sent is read."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import APIRouter, FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from fleetwright import Service, Settings
from fleetwright.auth import allow
from fleetwright.fastapi import mount
from fleetwright.testing import serving

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Rights(BaseModel):
    """What an operator may change."""

    customer: int


def admin(handled: list[str]) -> FastAPI:
    """Return a service whose admin routes stand in a router of their own.

    Args:
        handled: Gets a word for each call that reaches a handler.
    """
    router = APIRouter(prefix="/v1/admin")

    @router.put("/rights/{number}")
    @allow(role="operator")
    async def grant(number: int, rights: Rights) -> None:
        handled.append("grant")

    @router.post("/purges")
    @allow(role="operator")
    async def purge(rights: Rights, sure: bool) -> None:
        handled.append("purge")

    app = FastAPI()
    app.include_router(router)
    return mount(app, Service("desk", Settings()))


async def refused(app: FastAPI, request: dict[str, Any]) -> tuple[int, list[str]]:
    """Return the status of one call and what was read of its body."""
    read: list[str] = []
    answered: list[int] = []

    async def receive() -> dict[str, Any]:
        read.append("body")
        return {"type": "http.request", "body": request["body"], "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answered.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": request["method"],
        "path": request["path"],
        "raw_path": request["path"].encode(),
        "query_string": request["query"],
        "headers": [(b"content-type", b"application/json"), *request["headers"]],
        "server": ("desk", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    await app(scope, receive, send)
    return answered[0], read


ASKED = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["PUT", "POST"]),
        "path": st.one_of(
            st.just("/v1/admin/purges"),
            st.integers().map(lambda number: f"/v1/admin/rights/{number}"),
            st.text("abc1.-%", min_size=1).map(lambda it: f"/v1/admin/rights/{it}"),
        ),
        "query": st.binary(max_size=20),
        "body": st.one_of(st.binary(max_size=50), st.just(b'{"customer": 1}')),
        "headers": st.lists(
            st.tuples(
                st.sampled_from(
                    [b"authorization", b"fleet-caller", b"x-forwarded-user", b"cookie"]
                ),
                st.one_of(
                    st.binary(max_size=30),
                    st.sampled_from([b"Bearer a.b.c", b"operator", b"Basic YTpi"]),
                ),
            ),
            max_size=3,
        ),
    }
)


@settings(
    max_examples=60,
    deadline=None,
    # The plugin keeps settings from the environment by a fixture that changes nothing.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(asked=ASKED)
async def test_admin_routes_cannot_be_reached_by_guessing(
    asked: dict[str, Any],
) -> None:
    """Whatever is sent, without a token it is 401 and the body stays unread."""
    handled: list[str] = []
    app = admin(handled)
    async with serving(app):
        status, read = await refused(app, asked)

    assert status == 401
    assert (read, handled) == ([], [])


async def test_body_that_is_no_good_is_not_explained_to_strangers() -> None:
    """401 comes before 422: what a route expects is not told to anyone who asks."""
    async with serving(admin([]), caller=None) as http:
        stranger = await http.post("/v1/admin/purges", json={"customer": "canary"})
    async with serving(admin([])) as http:
        known = await http.post("/v1/admin/purges", json={"customer": "canary"})

    assert (stranger.status_code, known.status_code) == (401, 422)
    assert "customer" not in stranger.text


async def test_operator_reaches_the_handler_and_a_user_does_not() -> None:
    """A role is asked for; a scope that looks like one does not count."""
    handled: list[str] = []
    async with serving(admin(handled)) as http:
        allowed = await http.post("/v1/admin/purges?sure=1", json={"customer": 1})
    async with serving(admin(handled), caller="ada", scopes=["operator"]) as http:
        other = await http.post("/v1/admin/purges?sure=1", json={"customer": 1})

    assert (allowed.status_code, other.status_code) == (200, 403)
    assert handled == ["purge"]
