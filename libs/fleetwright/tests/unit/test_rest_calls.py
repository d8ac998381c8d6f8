"""What goes out for a call, and what comes of the answer."""

import asyncio
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum
from typing import Annotated, Any, Protocol
from uuid import RFC_4122, UUID

import pytest
from pydantic import BaseModel, Field

from fleetwright._context import bind, new_call
from fleetwright._deadline import Deadline
from fleetwright._problem import problem_of
from fleetwright.errors import DeadlineExceeded, Refused, Unavailable
from fleetwright.resilience import Pipeline, Retry, Timeout
from fleetwright.rest import Header, Request, Response, get, post, put, rest
from fleetwright.rest._exchange import new_key
from fleetwright.testing import FakeClock

ID = UUID("00000000-0000-4000-8000-000000000007")


class Colour(StrEnum):
    """A word from a list."""

    red = "red"


class Thing(BaseModel):
    """A thing with a field that is called otherwise on the wire."""

    sku: str
    pence: int = Field(default=0, alias="price_pence")


class Taken(Refused):
    """The name is taken."""


class Things(Protocol):
    """What the tests call."""

    @get("/v1/things/{sku}", missing=404)
    async def find(self, sku: str) -> Thing | None:
        """Return one."""
        ...

    @get("/v1/things")
    async def list(
        self,
        tag: list[str] | None = None,
        *,
        page: int = 1,
        sold: bool | None = None,
        colour: Colour | None = None,
    ) -> list[Thing]:
        """Return many."""
        ...

    @post("/v1/things", refusals={409: Taken})
    async def add(
        self,
        thing: Thing,
        *,
        key: Annotated[UUID | None, Header("Idempotency-Key")] = None,
    ) -> Thing:
        """Add one."""
        ...

    @post("/v1/sales", idempotent="key")
    async def sell(
        self,
        thing: Thing,
        *,
        key: Annotated[str | None, Header("Idempotency-Key")] = None,
    ) -> None:
        """Sell one, once."""
        ...

    @post("/v1/offers", idempotent="key")
    async def offer(self, thing: Thing) -> None:
        """Offer one, once."""
        ...

    @put("/v1/things/{sku}")
    async def keep(self, sku: str, thing: Thing | None = None) -> None:
        """Keep one."""
        ...


class Wire:
    """A transport that answers from a script and remembers what was sent."""

    def __init__(self, *script: Response | Exception | float) -> None:
        """Answer with `script`, one entry a send; a number is a wait; then 200."""
        self.script = list(script)
        self.sent: list[Request] = []
        self.is_open = False

    async def open(self) -> None:
        """Note it."""
        self.is_open = True

    async def close(self) -> None:
        """Note it."""
        self.is_open = False

    async def exchange(self, request: Request) -> Response:
        """Do what the script says next."""
        self.sent.append(request)
        step = self.script.pop(0) if self.script else answer(200, b'{"sku": "1"}')
        if isinstance(step, Exception):
            raise step
        if isinstance(step, float):
            await asyncio.sleep(step)
            return answer(200, b'{"sku": "1"}')
        return step


def answer(status: int, body: bytes = b"", **headers: str) -> Response:
    """Return an answer; underscores in the names of headers are dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, named, body)


def client(wire: Wire, pipeline: Pipeline | None = None) -> Things:
    """Return a client over that wire."""
    return rest(Things, provider="shelf", transport=wire, pipeline=pipeline)


async def test_answer_is_the_declared_value() -> None:
    """The body is read into the type of the method; aliases are the wire's names."""
    wire = Wire(answer(200, b'{"sku": "12345", "price_pence": 7, "more": true}'))

    assert await client(wire).find("12345") == Thing(sku="12345", price_pence=7)


async def test_values_are_escaped_in_the_path() -> None:
    """No value can change which path is called."""
    wire = Wire()
    things = client(wire)

    for sku in ("a/b?c#d é", ".."):
        await things.find(sku)

    assert [request.url for request in wire.sent] == [
        "http://shelf/v1/things/a%2Fb%3Fc%23d%20%C3%A9",
        "http://shelf/v1/things/%2E%2E",
    ]


async def test_empty_value_in_the_path_is_refused() -> None:
    """It would call another path."""
    with pytest.raises(ValueError, match="'sku' is empty"):
        await client(Wire()).find("")


async def test_query_leaves_none_out_and_repeats_lists() -> None:
    """Plain values are written as in JSON."""
    wire = Wire(answer(200, b"[]"))

    await client(wire).list(["a", "b"], sold=True, colour=Colour.red)

    assert wire.sent[0].url == (
        "http://shelf/v1/things?tag=a&tag=b&page=1&sold=true&colour=red"
    )


async def test_body_is_written_with_the_names_of_the_wire() -> None:
    """Models become JSON by their aliases; a body that is None is none."""
    wire = Wire(answer(200, b'{"sku": "1"}'), answer(204), answer(204))
    things = client(wire)

    await things.add(Thing(sku="1", price_pence=3), key=ID)
    await things.keep("1")
    await things.keep(sku="1", thing=Thing(sku="1"))

    first, second, third = wire.sent
    assert first.body == b'{"sku":"1","price_pence":3}'
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["Idempotency-Key"] == str(ID)
    assert second.body is None
    assert "Content-Type" not in second.headers
    assert third.body == b'{"sku":"1","price_pence":0}'


async def test_wrong_arguments_fail_like_any_call() -> None:
    """A client is called like the function it was declared as."""
    with pytest.raises(TypeError, match="missing a required argument: 'sku'"):
        await client(Wire()).find()  # type: ignore[call-arg]


async def test_missing_is_none() -> None:
    """The declared status is an answer, not an error."""
    assert await client(Wire(answer(404))).find("1") is None


async def test_refusal_carries_the_problem() -> None:
    """The declared class is raised, with status, problem and provider."""
    problem = b'{"title": "Taken", "kind": "taken"}'
    wire = Wire(answer(409, problem, content_type="application/problem+json"))

    with pytest.raises(Taken, match=r"shelf refused with 409 \(Taken\)") as caught:
        await client(wire).add(Thing(sku="1"))

    assert caught.value.problem == {"title": "Taken", "kind": "taken"}
    assert (caught.value.status, caught.value.provider) == (409, "shelf")
    assert caught.value.where == "Things.add: POST /v1/things"


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"<html>", "text/html"), (b"{", "application/json"), (b"[]", "application/json")],
)
async def test_refusal_without_a_problem_is_one_still(body: bytes, kind: str) -> None:
    """Whatever the body is, a status of 400 to 499 is a no."""
    with pytest.raises(Refused) as caught:
        await client(Wire(answer(422, body, content_type=kind))).find("1")

    assert (caught.value.status, caught.value.problem) == (422, None)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (answer(200, b"{"), "invalid_answer"),
        (answer(200, b'{"sku": 7, "secret": "hidden"}'), "invalid_answer"),
        (answer(302, location="http://elsewhere"), "invalid_answer"),
        (answer(500), "status"),
        (answer(501), "status"),
        (answer(429), "status"),
    ],
)
async def test_answer_that_does_not_count_is_unavailable(
    response: Response, reason: str
) -> None:
    """It is raised at the first attempt, with who and where but without values."""
    wire = Wire(response)

    with pytest.raises(Unavailable) as caught:
        await client(wire).find("1")

    assert (caught.value.reason, len(wire.sent)) == (reason, 1)
    assert (caught.value.provider, caught.value.status) == ("shelf", response.status)
    assert caught.value.where == "Things.find: GET /v1/things/{sku}"
    assert "hidden" not in str(caught.value)


async def test_empty_answer_is_none_only_where_none_is_admitted() -> None:
    """204 for a value that must be there does not count."""
    things = client(Wire(answer(204), answer(204)))

    assert await things.find("1") is None
    with pytest.raises(Unavailable, match="body that does not fit"):
        await things.add(Thing(sku="1"))


async def test_failure_that_passes_is_not_seen(clock: FakeClock) -> None:
    """A read is sent again after a 503 and after a lost connection."""
    wire = Wire(answer(503), Unavailable("lost", reason="reset"))

    assert await client(wire).find("1") is not None
    assert len(wire.sent) == 3


async def test_post_without_a_key_is_sent_once(clock: FakeClock) -> None:
    """It may have been done."""
    wire = Wire(Unavailable("lost", reason="reset"))

    with pytest.raises(Unavailable) as caught:
        await client(wire).add(Thing(sku="1"))

    assert len(wire.sent) == 1
    assert "stopped by: not_idempotent" in caught.value.__notes__[0]


async def test_post_with_a_key_is_sent_again_with_the_same_key(
    clock: FakeClock,
) -> None:
    """The provider can tell that it is the same call."""
    wire = Wire(Unavailable("lost", reason="reset"), answer(502))

    await client(wire).add(Thing(sku="1"), key=ID)

    assert [one.headers["Idempotency-Key"] for one in wire.sent] == [str(ID)] * 3


async def test_post_that_was_left_alone_is_sent_again(clock: FakeClock) -> None:
    """`Fleet-Not-Processed: 1` says that nothing was done."""
    wire = Wire(answer(503, fleet_not_processed="1"))

    await client(wire).add(Thing(sku="1"))

    assert len(wire.sent) == 2


async def test_provider_may_ask_not_to_be_called_again(clock: FakeClock) -> None:
    """`Fleet-Retry: no` ends the call."""
    wire = Wire(answer(503, fleet_retry="no"))

    with pytest.raises(Unavailable):
        await client(wire).find("1")

    assert len(wire.sent) == 1


async def test_retry_after_is_waited_for(clock: FakeClock) -> None:
    """Seconds and dates; at least that long, at most a tenth longer."""
    later = datetime.fromtimestamp(clock.now() + 3, UTC)
    wire = Wire(
        answer(429, retry_after="2"),
        answer(503, retry_after=format_datetime(later, usegmt=True)),
    )
    patient = Pipeline("shelf", Timeout(60), Retry(3))

    await client(wire, patient).find("1")

    assert 3.0 <= clock.elapsed_seconds <= 3.5
    assert len(wire.sent) == 3


async def test_retry_after_that_says_nothing_is_left_aside(clock: FakeClock) -> None:
    """A malformed header is no header."""
    wire = Wire(answer(503, retry_after="soon"), answer(503, retry_after="-5"))

    await client(wire).find("1")

    assert clock.elapsed_seconds < 0.2


async def test_retry_after_past_all_time_is_left_aside(clock: FakeClock) -> None:
    """It must not become a number that cannot be told on."""
    wire = Wire(*(answer(503, retry_after="9" * 400) for _ in range(3)))

    with pytest.raises(Unavailable) as caught:
        await client(wire).find("1")

    assert caught.value.retry_after_seconds is None
    assert problem_of(caught.value).status == 503


async def test_provider_that_hangs_costs_the_limit_of_the_call(
    clock: FakeClock,
) -> None:
    """By default 2 seconds, of which an attempt takes at most one."""
    with pytest.raises(Unavailable) as caught:
        await client(Wire(60.0, 60.0, 60.0)).find("1")

    assert 1.9 < clock.elapsed_seconds <= 2.0
    assert caught.value.provider == "shelf"


async def test_call_carries_its_context(clock: FakeClock) -> None:
    """Same trace and call id in every attempt, a span of its own for each."""
    wire = Wire(answer(503))
    call = new_call("orders", id="call-1")

    with bind(call), Deadline.after(0.5):
        await client(wire).find("1")

    first, second = (dict(request.headers) for request in wire.sent)
    assert (first["Fleet-Call-Id"], first["Fleet-Caller"]) == ("call-1", "orders")
    assert first["traceparent"].split("-")[1] == call.trace_id
    spans = {one["traceparent"].split("-")[2] for one in (first, second)}
    assert len(spans | {call.span_id}) == 3
    assert 480 <= int(first["Fleet-Deadline-Ms"]) <= 495
    assert int(second["Fleet-Deadline-Ms"]) <= int(first["Fleet-Deadline-Ms"])


async def test_call_outside_of_one_begins_a_trace() -> None:
    """A script has no name to give, and its attempts belong together."""
    wire = Wire()

    await client(wire).find("1")

    headers = wire.sent[0].headers
    assert headers["Fleet-Call-Id"] == headers["traceparent"].split("-")[1]
    assert "Fleet-Caller" not in headers


async def test_deadline_that_has_passed_sends_nothing(clock: FakeClock) -> None:
    """Nobody would hear the answer."""
    wire = Wire()

    with pytest.raises(DeadlineExceeded) as caught, Deadline.after(0.004):
        await client(wire).find("1")

    assert (wire.sent, caught.value.provider) == ([], "shelf")


async def test_client_is_a_part_of_a_service() -> None:
    """It opens, tells its facts and closes; the kind is the Protocol."""
    wire = Wire()
    things: Any = client(wire)
    part = things.__part__

    await part.open()
    opened = wire.is_open
    await part.close()

    assert (part.kind, opened, wire.is_open) == (Things, True, False)
    facts = part.facts()
    assert (facts["provider"], facts["url"]) == ("shelf", "http://shelf")
    assert facts["breaker"]["state"] == "closed"
    assert facts["bulkhead"]["used"] == 0
    assert repr(things) == "<Things of 'shelf'>"


def test_client_of_a_module_serves_several_event_loops() -> None:
    """A loop that is gone took its connections along; the next opens its own."""
    wire = Wire()
    things = client(wire)

    for _ in range(2):
        assert asyncio.run(_find(things)) is not None

    assert len(wire.sent) == 2


async def _find(things: Things) -> Thing | None:
    return await things.find("1")


async def test_header_that_would_split_the_request_is_refused() -> None:
    """Line breaks and other controls never reach the wire."""

    class Marked(Protocol):
        @get("/x")
        async def ask(self, mark: Annotated[str, Header("X-Mark")]) -> None: ...

    marked = rest(Marked, provider="shelf", transport=Wire())

    with pytest.raises(ValueError, match="X-Mark may hold printable ASCII only"):
        await marked.ask("a\r\nb: c")


async def test_first_calls_at_once_open_one_pool() -> None:
    """A client without a service opens at its first call, and only once."""
    opened: list[int] = []

    class Slow(Wire):
        async def open(self) -> None:
            opened.append(1)
            await asyncio.sleep(0)

    things = client(Slow())
    await asyncio.gather(*(things.find(str(number)) for number in range(5)))

    assert len(opened) == 1


async def test_call_that_makes_its_key_sends_it_in_every_attempt(
    clock: FakeClock,
) -> None:
    """One UUID of version 7 for a call; another for the next."""
    lost = Unavailable("lost", reason="reset")
    wire = Wire(answer(503), lost, answer(200), answer(200))
    things = client(wire)

    await things.offer(Thing(sku="1"))
    await things.offer(Thing(sku="1"))

    keys = [UUID(one.headers["Idempotency-Key"]) for one in wire.sent]
    assert len(keys) == 4
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert {(key.version, key.variant) for key in keys} == {(7, RFC_4122)}
    assert (keys[0].int >> 80) / 1000 == pytest.approx(clock.now(), abs=5)


async def test_key_of_the_caller_goes_before_one_of_our_own() -> None:
    """Who knows a better name for the request gives it."""
    wire = Wire(answer(200), answer(200))
    things = client(wire)

    await things.sell(Thing(sku="1"), key="sale-7")
    await things.sell(Thing(sku="1"))

    assert wire.sent[0].headers["Idempotency-Key"] == "sale-7"
    assert UUID(wire.sent[1].headers["Idempotency-Key"]).version == 7


def test_keys_are_sorted_by_time_and_never_the_same() -> None:
    """A store of keys grows at one end."""
    keys = [new_key() for _ in range(1000)]

    assert len(set(keys)) == 1000
    assert [key[:13] for key in keys] == sorted(key[:13] for key in keys)


async def test_caller_is_told_not_to_repeat_what_we_repeated(clock: FakeClock) -> None:
    """Three layers of three attempts must not become 27 sends."""
    things = client(Wire(*[answer(503)] * 3))
    with pytest.raises(Unavailable) as tried_again:
        await things.find("1")
    with pytest.raises(Unavailable) as sent_once:
        await client(Wire(answer(503))).add(Thing(sku="1"))

    assert problem_of(tried_again.value).headers["Fleet-Retry"] == "no"
    assert "Fleet-Retry" not in problem_of(sent_once.value).headers


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), (("1", "2"), {}), (("1",), {"sku": "2"}), ((), {"sku": "1", "x": 2})],
)
async def test_arguments_that_do_not_fit_are_a_type_error(
    args: tuple[str, ...], kwargs: dict[str, str]
) -> None:
    """As in any call; nothing is sent."""
    wire = Wire()
    find: Any = client(wire).find

    with pytest.raises(TypeError):
        await find(*args, **kwargs)
    assert wire.sent == []
