"""A Flask application on a service: the same story served by us and by others."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol

import pytest
from flask import Flask, Response, abort, request
from httpx2 import AsyncClient
from pydantic import BaseModel
from werkzeug.test import Client

from fleetwright import Problem, Refused, Service, Settings, Unavailable, _logs
from fleetwright._context import current_call
from fleetwright._deadline import current_deadline
from fleetwright._log_writer import LineWriter
from fleetwright._portal import end_background
from fleetwright.auth import allow, public, routes_and_callers
from fleetwright.errors import DeadlineExceeded, DeclarationError, FleetwrightError
from fleetwright.flask import body, caller, mount, uses
from fleetwright.resilience import Pipeline, Timeout
from fleetwright.rest import Request as Sent
from fleetwright.rest import Response as Got
from fleetwright.rest import get, rest
from fleetwright.testing import FakeClock, Faults, serving
from fleetwright.testing._issuer import Credentials, trust_tests

JSON = {"Content-Type": "application/json"}


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


def shop(**given: Any) -> Flask:
    """Return a small application on a service with one part."""
    service = Service("shop", Settings(**given))
    service.add(Shelf())
    app = Flask("shop")

    @app.get("/things/<name>")
    def thing(name: str) -> dict[str, Any]:
        call, deadline = current_call(), current_deadline()
        assert call is not None
        assert deadline is not None
        told = {"id": call.id, "caller": call.caller, "trace": call.traceparent}
        return {"name": name, "open": uses(Shelf).is_open, "left": deadline.left()} | (
            told
        )

    @app.get("/errors/<kind>")
    def error(kind: str) -> str:
        if kind == "abort":
            abort(401, description="Log in first.")
        raise ERRORS[kind]

    @app.post("/cards")
    def card() -> dict[str, Any]:
        return {"number": body(Card).number}

    @app.route("/length", methods=["POST"])
    def length() -> dict[str, int]:
        return {"bytes": len(request.get_data())}

    @app.get("/lines")
    def lines() -> Response:
        return Response((f"{i}\n" for i in range(3)), mimetype="text/plain")

    return mount(app, service)


ERRORS: dict[str, Exception] = {
    "problem": Problem(409, "Sold out", detail="No tea.", kind="sold_out"),
    "unavailable": Unavailable("away", reason="connect", provider="catalog"),
    "refused": Refused("no", status=402, provider="payments"),
    "late": DeadlineExceeded("too late", provider="catalog"),
    "bug": KeyError("canary"),
}


class Paper(LineWriter):
    """A writer that keeps the lines."""

    def __init__(self) -> None:
        """Start with an empty sheet."""
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def write(self, line: bytes, *, urgent: bool = False) -> None:
        """Keep a line."""
        self.lines.append(json.loads(line))

    def lines_of(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of one event."""
        return [line for line in self.lines if line["event"] == event]


@pytest.fixture(autouse=True)
def paper(logs_put_back: None) -> Paper:
    """Set logs up as JSON on a sheet of paper."""
    paper = Paper()
    _logs.set_up("shop", Settings(log_format="json"), writer=paper)
    return paper


class Answer(BaseModel):
    """An answer, however it was asked for."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json_(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


Ask = Callable[..., Awaitable[Answer]]


async def by_us(app: Flask, method: str, path: str, **given: Any) -> Answer:
    """Ask an application that we serve."""
    async with serving(app, caller=None) as http:
        return await over(http, method, path, **given)


async def over(http: AsyncClient, method: str, path: str, **given: Any) -> Answer:
    """Ask over a client of ours."""
    response = await http.request(
        method, path, headers=given.get("headers"), content=given.get("data")
    )
    return Answer(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        text=response.text,
    )


async def by_others(app: Flask, method: str, path: str, **given: Any) -> Answer:
    """Ask an application the way a WSGI server does, in a thread of its own."""

    def ask() -> Answer:
        response = Client(app).open(path, method=method, **given)
        return Answer(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            text=response.get_data(as_text=True),
        )

    try:
        return await asyncio.to_thread(ask)
    finally:
        await asyncio.to_thread(end_background)


@pytest.fixture(params=[by_us, by_others], ids=["served by us", "served by others"])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Ask an application, however it is served."""
    yield request.param


async def test_handler_has_call_deadline_and_open_parts(ask: Ask) -> None:
    """What came in with the request is there without a parameter."""
    headers = {"Fleet-Call-Id": "c-1", "Fleet-Caller": "web"}

    answer = await ask(shop(request_seconds=3), "GET", "/things/tea", headers=headers)

    told = answer.json_
    assert answer.status == 200
    assert (told["id"], told["caller"], told["open"]) == ("c-1", "web", True)
    assert 2 < told["left"] <= 3


async def test_shorter_deadline_of_the_caller_counts(ask: Ask) -> None:
    """What is left of the caller's time is what the handler has."""
    headers = {"Fleet-Deadline-Ms": "1000"}

    answer = await ask(shop(request_seconds=3), "GET", "/things/tea", headers=headers)

    assert answer.json_["left"] <= 1


async def test_call_whose_time_is_over_is_not_begun(ask: Ask) -> None:
    """Nobody waits for the answer any more."""
    headers = {"Fleet-Deadline-Ms": "0"}

    answer = await ask(shop(), "GET", "/things/tea", headers=headers)

    assert (answer.status, answer.json_["kind"]) == (504, "timeout")


@pytest.mark.parametrize(
    ("kind", "status", "title"),
    [
        ("problem", 409, "Sold out"),
        ("unavailable", 503, "Not available now"),
        ("refused", 502, "A provider refused"),
        ("late", 504, "Not answered in time"),
        ("bug", 500, "Internal Server Error"),
        ("abort", 401, "Unauthorized"),
    ],
)
async def test_errors_are_answered_with_problems(
    ask: Ask, kind: str, status: int, title: str
) -> None:
    """Each error of ours and of werkzeug's becomes a problem document."""
    answer = await ask(shop(), "GET", f"/errors/{kind}")

    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json_["title"] == title
    assert len(answer.json_["instance"]) == 32
    assert "canary" not in answer.text


async def test_unknown_path_and_method_are_problems(ask: Ask) -> None:
    """Words of werkzeug are left out, its headers are kept."""
    unknown = await ask(shop(), "GET", "/nothing")
    wrong = await ask(shop(), "DELETE", "/cards")

    assert (unknown.status, unknown.json_["title"]) == (404, "Not Found")
    assert "detail" not in unknown.json_
    assert (wrong.status, "POST" in wrong.headers["allow"]) == (405, True)


async def test_invalid_body_says_what_is_wrong_and_not_what_was_sent(ask: Ask) -> None:
    """What was sent may be a secret."""
    answer = await ask(
        shop(), "POST", "/cards", data=b'{"number": "canary"}', headers=JSON
    )
    broken = await ask(shop(), "POST", "/cards", data=b'{"number":', headers=JSON)
    fine = await ask(shop(), "POST", "/cards", data=b'{"number": 7}', headers=JSON)

    assert (answer.status, answer.json_["kind"]) == (422, "invalid_request")
    assert answer.json_["errors"][0]["at"] == "body.number"
    assert "canary" not in answer.text
    assert (broken.status, broken.json_["kind"]) == (400, "bad_json")
    assert fine.json_ == {"number": 7}


async def test_handlers_of_the_application_are_kept(ask: Ask) -> None:
    """Who answers an error in another way goes on doing so."""
    service = Service("shop", Settings())
    app = Flask("shop")

    @app.errorhandler(404)
    def mine(error: Exception) -> tuple[str, int]:
        return "mine", 404

    answer = await ask(mount(app, service), "GET", "/nothing")

    assert answer.text == "mine"


async def test_one_line_tells_of_the_call_with_the_rule_that_matched(
    ask: Ask, paper: Paper
) -> None:
    """The route is a name with few values, as it is in the code."""
    await ask(shop(), "GET", "/things/tea")

    answered = paper.lines_of("call.answered")
    assert [(one["route"], one["status"], one["outcome"]) for one in answered] == [
        ("/things/<name>", 200, "answered")
    ]


async def test_unexpected_error_is_logged_once_with_its_place(
    ask: Ask, paper: Paper
) -> None:
    """Flask's own line about it is not written a second time."""
    await ask(shop(), "GET", "/errors/bug")

    (failed,) = paper.lines_of("call.failed")
    answered = paper.lines_of("call.answered")
    assert failed["route"] == "/errors/<kind>"
    assert "KeyError" in failed["exception"]
    assert [(one["status"], one["outcome"]) for one in answered] == [(500, "failed")]


async def test_probes_are_answered(ask: Ask) -> None:
    """A Flask service is watched like any other."""
    alive = await ask(shop(), "GET", "/livez")
    ready = await ask(shop(), "GET", "/readyz")
    info = await ask(shop(), "GET", "/info")

    assert alive.json_ == {"service": "shop", "alive": True}
    assert (ready.status, ready.json_["ready"]) == (200, True)
    assert info.json_["parts"]["Shelf"] == {}


async def test_too_long_body_is_refused(ask: Ask) -> None:
    """A body is at most 1 MiB, unless the application says otherwise."""
    answer = await ask(shop(), "POST", "/length", data=b"x" * (1024 * 1024 + 1))
    fits = await ask(shop(), "POST", "/length", data=b"x" * 1024 * 1024)

    assert (answer.status, answer.json_["kind"]) == (413, "body_too_long")
    assert fits.json_ == {"bytes": 1024 * 1024}


async def test_json_of_two_meanings_is_refused(ask: Ask) -> None:
    """Two members of one name: whoever reads it next may take the other."""
    headers = {"Content-Type": "application/json"}
    twice = b'{"number": 1, "number": 2}'

    answer = await ask(shop(), "POST", "/cards", data=twice, headers=headers)
    once = await ask(shop(), "POST", "/cards", data=b'{"number": 1}', headers=headers)

    assert (answer.status, answer.json_["kind"]) == (400, "bad_json")
    assert once.json_ == {"number": 1}


async def test_answer_of_unknown_length_arrives_whole(ask: Ask) -> None:
    """A generator is sent piece by piece."""
    answer = await ask(shop(), "GET", "/lines")

    assert answer.text == "0\n1\n2\n"


async def test_head_is_answered_without_a_body(ask: Ask) -> None:
    """Also a problem has no body then."""
    fine = await ask(shop(), "HEAD", "/things/tea")
    unknown = await ask(shop(), "HEAD", "/nothing")

    assert (fine.status, fine.text) == (200, "")
    assert (unknown.status, unknown.text) == (404, "")


async def test_call_without_a_place_is_turned_away(ask: Ask) -> None:
    """A full service refuses at once, and says that nothing was done."""
    app = shop(max_in_flight=1)
    service: Service = app.extensions["fleetwright"]
    assert service.admission.admit()

    answer = await ask(app, "GET", "/things/tea")

    assert (answer.status, answer.json_["kind"]) == (503, "overloaded")
    assert answer.headers["fleet-not-processed"] == "1"


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


@pytest.mark.parametrize("content_type", ["text/plain", ""])
async def test_body_that_is_not_said_to_be_json_is_not_parsed(
    ask: Ask, content_type: str
) -> None:
    """Only what says JSON has been checked: this has two meanings."""
    sent = b'{"number": 1, "number": 2}'
    given = {"headers": {"Content-Type": content_type}} if content_type else {}

    answer = await ask(shop(), "POST", "/cards", data=sent, **given)

    assert answer.status == 415
    assert answer.json_["kind"] == "unsupported_media_type"


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


class Slow:
    """A provider that takes an hour."""

    async def open(self) -> None:
        """Need nothing."""

    async def exchange(self, request: Sent) -> Got:
        """Answer after an hour."""
        await asyncio.sleep(3600)
        return Got(200, {}, b"")

    async def close(self) -> None:
        """Hold nothing."""


class Provider(Protocol):
    """What a handler calls."""

    @get("/things")
    def things(self) -> str:
        """Return all."""
        ...


async def test_slow_provider_costs_no_real_time(clock: FakeClock) -> None:
    """A thread that waits for the loop does not keep the test's time from jumping."""
    service = Service("shop", Settings())
    pipeline = Pipeline("things", Timeout(0.8))
    service.add(rest(Provider, provider="things", pipeline=pipeline, transport=Slow()))
    app = Flask("shop")

    @app.get("/things")
    def things() -> str:
        return uses(Provider).things()

    async with serving(mount(app, service)) as http:
        answer = await http.get("/things")

    assert (answer.status_code, answer.json()["kind"]) == (504, "timeout")
    assert clock.elapsed_seconds == 0.8


async def test_deadline_of_a_waiting_handler_is_kept(clock: FakeClock) -> None:
    """The caller is answered when its time is over, not when the call out ends."""
    service = Service("shop", Settings())
    service.add(rest(Provider, provider="things", transport=Slow()))
    app = Flask("shop")

    @app.get("/things")
    def things() -> str:
        return uses(Provider).things()

    async with serving(mount(app, service)) as http:
        answer = await http.get("/things", headers={"Fleet-Deadline-Ms": "300"})

    assert answer.status_code == 504
    assert clock.elapsed_seconds == pytest.approx(0.3, abs=0.006)


class Stubborn:
    """A part that opens at the second try."""

    tries = 0

    async def open(self) -> None:
        """Fail once."""
        self.tries += 1
        if self.tries == 1:
            raise ConnectionError("canary")


async def test_worker_whose_parts_do_not_open_says_so_and_tries_again(
    paper: Paper,
) -> None:
    """A broker that is away at the start of a worker is not its end."""
    app = shop()
    app.extensions["fleetwright"].add(Stubborn())

    def ask_twice() -> list[tuple[int, str]]:
        answers = [Client(app).get("/things/tea") for _ in range(2)]
        return [(one.status_code, one.get_data(as_text=True)) for one in answers]

    first, second = await asyncio.to_thread(ask_twice)
    await asyncio.to_thread(end_background)

    assert (first[0], "not_serving" in first[1], second[0]) == (503, True, 200)
    assert "canary" not in first[1]
    (told,) = paper.lines_of("service.not_opened")
    assert "while opening Stubborn" in told["exception"]


FORKING = """
import os
from flask import Flask
from fleetwright import Service, Settings, _logs
from fleetwright.flask import mount
from werkzeug.test import Client

app = mount(Flask("shop"), Service("shop", Settings()))
assert Client(app).get("/readyz").status_code == 200
child = os.fork()
if child == 0:
    status = Client(app).get("/").status_code
    _logs.flush()
    os._exit(0 if status == 503 else 1)
_, code = os.waitpid(child, 0)
raise SystemExit(os.waitstatus_to_exitcode(code))
"""


def test_worker_that_was_forked_from_an_open_service_does_not_serve() -> None:
    """It has copies of its parent's connections, and no thread that runs the loop."""
    ended = subprocess.run(
        [sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=60
    )

    assert ended.returncode == 0, ended.stderr
    assert "opened before this process was forked" in ended.stdout
    assert "send no request" in ended.stdout


def test_application_is_mounted_once() -> None:
    """Two services cannot share an application."""
    app = shop()

    with pytest.raises(DeclarationError, match="mounted or started already"):
        mount(app, Service("other", Settings()))


def test_parts_are_not_used_outside_of_a_request() -> None:
    """The error says where parts are to be found."""
    with pytest.raises(FleetwrightError, match="none is"):
        uses(Shelf)
    with shop().app_context(), pytest.raises(FleetwrightError, match="none is"):
        uses(Shelf)


def test_application_that_is_not_mounted_has_no_parts() -> None:
    """The error names the mend."""
    with (
        Flask("bare").test_request_context(),
        pytest.raises(DeclarationError, match="not mounted"),
    ):
        uses(Shelf)
