"""Who gets a place when there are few, and what the others are told."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from fleetwright import Service, Settings
from fleetwright._admission import (
    SHARES,
    YIELD_SECONDS,
    Admission,
    criticality_in,
)
from fleetwright._asgi import App, FleetMiddleware, Receive, Scope, Send
from fleetwright._clock import use_clock
from fleetwright._context import CRITICALITIES, Criticality
from fleetwright.testing import FakeClock

Message = MutableMapping[str, Any]


def places(limit: int, criticality: Criticality) -> int:
    """Return how many calls of one kind an empty service takes."""
    admission = Admission(limit)
    taken = 0
    while admission.admit(criticality):
        taken += 1
    return taken


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1, [1, 1, 1, 1]),
        (2, [2, 2, 1, 1]),
        (4, [4, 4, 3, 2]),
        (8, [8, 7, 6, 4]),
        (100, [100, 90, 70, 50]),
    ],
)
def test_places_by_criticality(limit: int, expected: list[int]) -> None:
    """Each kind has its share to the nearest place, and never none."""
    assert [places(limit, name) for name in CRITICALITIES] == expected


@given(st.integers(min_value=1, max_value=5000))
def test_what_matters_more_never_has_fewer_places(limit: int) -> None:
    """Shares are ordered, the limit is kept, everybody has a place on an idle day."""
    taken = [places(limit, name) for name in CRITICALITIES]

    assert taken == sorted(taken, reverse=True)
    assert taken[0] == limit
    assert taken[-1] >= 1
    for name, count in zip(SHARES, taken, strict=True):
        assert abs(count - limit * SHARES[name]) <= 0.5 or count == 1


@given(st.lists(st.sampled_from([*CRITICALITIES, "leave"]), max_size=200))
def test_places_are_neither_lost_nor_made(steps: list[Any]) -> None:
    """Whatever comes and goes, calls in flight are those admitted and not left."""
    admission, inside = Admission(5), 0
    for step in steps:
        if step == "leave":
            if inside:
                admission.leave()
                inside -= 1
        else:
            inside += admission.admit(step)
        assert 0 <= inside == admission.in_flight <= 5


def test_each_refusal_takes_a_place_from_all_that_matter_less(clock: FakeClock) -> None:
    """Three critical calls found no place: the others have three places less."""
    admission = Admission(8)
    for _ in range(8):
        assert admission.admit("critical")
    refused = [admission.admit("critical") for _ in range(3)]
    for _ in range(8):
        admission.leave()

    assert refused == [False] * 3
    assert taken_by(admission, "batch") == 4 - 3
    assert taken_by(admission, "sheddable") == 6 - 3
    assert taken_by(admission, "default") == 7 - 3
    assert taken_by(admission, "critical") == 8


def test_places_come_back_one_by_one_when_it_is_quiet(clock: FakeClock) -> None:
    """A quarter of a second without a refusal gives one place back."""
    admission = Admission(8)
    for _ in range(8):
        admission.admit("critical")
    for _ in range(5):
        admission.admit("critical")
    for _ in range(8):
        admission.leave()

    found = []
    for _ in range(6):
        found.append(taken_by(admission, "batch"))
        clock.advance(YIELD_SECONDS)

    assert found == [0, 1, 2, 3, 4, 4]


@given(
    st.lists(st.sampled_from([*CRITICALITIES, "leave", "quiet"]), max_size=200),
    st.integers(min_value=1, max_value=12),
)
def test_whoever_gives_way_matters_less(steps: list[Any], limit: int) -> None:
    """Whatever comes: no kind has more than its share, nor more than a higher one."""
    fake = FakeClock()
    with use_clock(fake):
        admission = Admission(limit)
        for step in steps:
            if step == "leave":
                if admission.in_flight:
                    admission.leave()
            elif step == "quiet":
                fake.advance(YIELD_SECONDS)
            else:
                admission.admit(step)
            may = [admission._open[name] for name in CRITICALITIES]
            assert may == sorted(may, reverse=True)
            assert may[0] == limit
            assert all(
                now <= places(limit, name)
                for now, name in zip(may, CRITICALITIES, strict=True)
            )


def taken_by(admission: Admission, criticality: Criticality) -> int:
    """Return how many places a kind finds, and leave them; those below give way."""
    count = 0
    while admission.admit(criticality):
        count += 1
    for _ in range(count):
        admission.leave()
    return count


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (b"critical", "critical"),
        (b" batch ", "batch"),
        (b"CRITICAL", "default"),
        (b"critical, critical", "default"),
        (b"\xff", "default"),
        (b"", "default"),
    ],
)
def test_malformed_criticality_is_ignored(value: bytes, meant: str) -> None:
    """Only the four words count."""
    assert criticality_in([(b"host", b"x"), (b"fleet-criticality", value)]) == meant


def test_sheds_are_one_line_a_second(clock: FakeClock) -> None:
    """A flood of refusals does not become a flood of lines; none is left uncounted."""
    admission = Admission(1)
    with structlog.testing.capture_logs() as logged:
        assert admission.admit()
        for _ in range(50):
            assert not admission.admit("batch")
        clock.advance(1.1)
        admission.admit("critical")
        clock.advance(1.1)
        admission.leave()

    told = [(line.get("batch", 0), line.get("critical", 0)) for line in logged]
    assert {line["event"] for line in logged} == {"calls.shed"}
    assert told == [(1, 0), (49, 1)]
    assert admission.facts()["shed"] == {
        "critical": 1,
        "default": 0,
        "sheddable": 0,
        "batch": 50,
    }


class Caller:
    """Calls an application, one request at a time."""

    def __init__(self, app: App) -> None:
        """Call this application."""
        self.app = app
        self.sent: list[Message] = []
        self.answered = asyncio.Event()

    async def receive(self) -> Message:
        """Say nothing but an empty body, then stay."""
        return {"type": "http.request", "body": b""}

    async def send(self, message: Message) -> None:
        """Keep what is answered."""
        self.sent.append(message)
        self.answered.set()

    async def call(self, method: str = "GET", path: str = "/", word: str = "") -> None:
        """Make a request."""
        headers = [(b"fleet-criticality", word.encode())] if word else []
        scope = {"type": "http", "method": method, "path": path, "headers": headers}
        await self.app(scope, self.receive, self.send)

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The headers of the answer."""
        return dict(self.sent[0]["headers"])


async def full(
    app: App, **settings: Any
) -> tuple[FleetMiddleware, Service, asyncio.Task[None]]:
    """Return an application whose only place is taken, and who took it."""
    service = Service("shop", Settings(max_in_flight=1, **settings))
    await service.open()
    around = FleetMiddleware(app, service)
    holder = asyncio.create_task(Caller(around).call())
    await asyncio.sleep(0)  # its first step takes the place
    assert service.admission.in_flight == 1
    return around, service, holder


async def test_call_without_a_place_is_refused_unprocessed() -> None:
    """503, a problem, come again in a second; the application never hears of it."""
    go_on, ran = asyncio.Event(), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        ran.append(scope["path"])
        await go_on.wait()

    around, service, holder = await full(app)
    with structlog.testing.capture_logs() as logged:
        second, head = Caller(around), Caller(around)
        await second.call(path="/second")
        await head.call("HEAD", "/third")
    go_on.set()
    await holder

    assert second.sent[0]["status"] == 503
    assert second.headers[b"retry-after"] == b"1"
    assert second.headers[b"fleet-not-processed"] == b"1"
    assert second.headers[b"content-type"] == b"application/problem+json"
    assert int(second.headers[b"content-length"]) == len(second.sent[1]["body"])
    assert head.sent[1]["body"] == b""
    assert ran == ["/"]
    assert [line["event"] for line in logged] == ["calls.shed"]
    assert service.admission.in_flight == 0


async def test_probes_need_no_place() -> None:
    """A full service still tells those who watch it, and says how full it is."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    around, _, holder = await full(app)
    answers = []
    for path in ("/livez", "/readyz", "/info"):
        probe = Caller(around)
        await probe.call(path=path)
        answers.append(probe)
    holder.cancel()
    await asyncio.wait([holder])

    assert [probe.sent[0]["status"] for probe in answers] == [200, 200, 200]
    assert b'"admission":{"limit":1,"in_flight":1' in answers[2].sent[1]["body"]


async def test_stream_gives_its_place_back() -> None:
    """An open stream of events mostly waits; it keeps nobody out."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await asyncio.Event().wait()

    service = Service("shop", Settings(max_in_flight=1))
    await service.open()
    around = FleetMiddleware(app, service)
    streams = [Caller(around), Caller(around)]
    tasks = [asyncio.create_task(stream.call()) for stream in streams]
    for stream in streams:
        await stream.answered.wait()
    open_places = service.admission.in_flight
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert [stream.sent[0]["status"] for stream in streams] == [200, 200]
    assert (open_places, service.admission.in_flight) == (0, 0)


@pytest.mark.parametrize("how", ["answers", "fails", "is cancelled"])
async def test_place_is_given_back_however_the_call_ends(how: str) -> None:
    """No way out of a call keeps its place."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if how == "fails":
            raise ValueError("mine")
        if how == "is cancelled":
            await asyncio.Event().wait()

    service = Service("shop", Settings(max_in_flight=1))
    await service.open()
    task = asyncio.create_task(Caller(FleetMiddleware(app, service)).call())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    if how == "is cancelled":
        task.cancel()
    await asyncio.wait([task])

    assert service.admission.in_flight == 0


async def test_call_before_the_start_says_it_was_not_processed() -> None:
    """Who comes too early may go elsewhere, whatever the method."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("must not run")

    caller = Caller(FleetMiddleware(app, Service("shop", Settings())))
    await caller.call("POST")

    assert caller.sent[0]["status"] == 503
    assert caller.headers[b"fleet-not-processed"] == b"1"
