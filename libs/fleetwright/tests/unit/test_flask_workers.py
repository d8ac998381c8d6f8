"""A Flask application that waits for others, and the workers it runs in."""

import asyncio
import subprocess
import sys
from typing import Protocol

import pytest
from flask import Flask
from flask_shop import Paper, Shelf, shop
from werkzeug.test import Client

from fleetwright import Service, Settings, _logs
from fleetwright._portal import end_background
from fleetwright.errors import DeclarationError, FleetwrightError
from fleetwright.flask import mount, uses
from fleetwright.resilience import Pipeline, Timeout
from fleetwright.rest import Request as Sent
from fleetwright.rest import Response as Got
from fleetwright.rest import get, rest
from fleetwright.testing import FakeClock, serving


@pytest.fixture(autouse=True)
def paper(logs_put_back: None) -> Paper:
    """Set logs up as JSON on a sheet of paper."""
    paper = Paper()
    _logs.set_up("shop", Settings(log_format="json"), writer=paper)
    return paper


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
