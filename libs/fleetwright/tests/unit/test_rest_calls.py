"""What goes out for a call, and what comes of the answer."""

import asyncio
from typing import Annotated, Any, Protocol

import pytest
from rest_things import ID, Colour, Taken, Thing, Things, Wire, answer, client

from fleetwright._context import bind, new_call
from fleetwright._deadline import Deadline
from fleetwright.errors import DeadlineExceeded, Refused, Unavailable
from fleetwright.rest import Header, Response, get, rest
from fleetwright.testing import FakeClock


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
