"""Calls coming in over gRPC: who is let in, what they are told, how it ends."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from structlog.testing import capture_logs

from fleetwright import Problem, Refused, Service, Unavailable
from fleetwright.grpc import GrpcSettings, serve, stub

SAY = "/fleetwright.tests.v1.Echo/Say"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Ready:
    """A part that is ready or not."""

    is_ready = True

    async def check(self) -> None:
        """Fail while it is not ready."""
        if not self.is_ready:
            raise RuntimeError("not now")


class Spared(Ready):
    """A part the service does its work without."""

    is_essential = False


class Turnstile:
    """An answer that is held until the test lets it go."""

    def __init__(self, calls: int = 1) -> None:
        """Hold; `begun` is set once so many calls are here."""
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self._missing = calls

    async def __call__(self, text: str) -> str:
        """Wait for the test."""
        self._missing -= 1
        if self._missing <= 0:
            self.begun.set()
        await self.go.wait()
        return text


async def test_a_call_is_one_line_in_the_log(echo: Any) -> None:
    """The method is its route, the code is told beside the status."""
    await echo.start()

    with capture_logs() as logged:
        await echo.say("hello")
        await echo.service.close()

    [line] = [it for it in logged if it["event"] == "call.answered"]
    told = (line["method"], line["route"], line["code"], line["status"])
    assert told == ("GRPC", SAY, "OK", 200)
    assert line["outcome"] == "answered"


async def test_calls_in_flight_are_answered_when_the_service_stops(echo: Any) -> None:
    """New calls are refused at once, health says so, the old ones are finished."""
    await echo.start()
    held = echo.answer = Turnstile(calls=5)
    client = echo.stub(attempts=1)
    async with aio.insecure_channel(f"127.0.0.1:{echo.server.port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        watching = health.Watch(health_pb2.HealthCheckRequest())
        assert (await watching.read()).status == SERVING
        calls = [
            asyncio.create_task(client.Say(echo.words(text=str(n)))) for n in range(5)
        ]
        await held.begun.wait()

        stopping = asyncio.create_task(echo.service.close())
        last = (await watching.read()).status
        after = await watching.read()
        with pytest.raises(Unavailable):
            await echo.say("late", attempts=1)
        held.go.set()
        replies = [(await call).text for call in calls]
        await stopping

    assert (last, after) == (NOT_SERVING, aio.EOF)
    assert replies == ["0", "1", "2", "3", "4"]


async def test_a_restart_under_load_loses_no_call(echo: Any) -> None:
    """What the old process had not begun is sent again to the new one."""
    await echo.start()
    port = echo.server.port
    client = echo.stub(attempts=8, first_seconds=0.2)
    halfway = asyncio.Event()
    answered: list[str] = []

    async def talk(caller: int) -> None:
        for number in range(50):
            text = f"{caller}-{number}"
            answered.append((await client.Say(echo.words(text=text))).text)
            if len(answered) == 100:
                halfway.set()

    async def restart() -> None:
        await halfway.wait()
        await echo.service.close()
        await echo.start(port=port)

    await asyncio.gather(restart(), *(talk(caller) for caller in range(8)))

    assert len(set(answered)) == len(answered) == 400


async def test_a_call_longer_than_the_drain_is_cut(echo: Any) -> None:
    """The caller learns that the service stops, not that it waited in vain."""
    await echo.start(drain_seconds=0.2)
    held = echo.answer = Turnstile()
    call = asyncio.create_task(echo.say("hello", attempts=1))
    await held.begun.wait()

    await echo.service.close()

    with pytest.raises(Unavailable):
        await call


async def test_calls_go_on_while_balancers_learn_that_it_stops(echo: Any) -> None:
    """Until the service drains it is not ready and still answers; then no more."""
    await echo.start(lame_duck_seconds=0.5)

    echo.service.lifecycle.stop()

    assert await echo.say("hello") == "hello"
    echo.service.lifecycle.begin_drain(5.0)
    await echo.server.drain()
    with pytest.raises(Unavailable):
        await echo.say("late", attempts=1)


async def test_health_follows_readiness(echo: Any) -> None:
    """Overall and by name; names of nobody are not found."""
    part = Ready()
    await echo.start(parts=(part,))
    async with aio.insecure_channel(f"127.0.0.1:{echo.server.port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)

        async def status(name: str) -> Any:
            request = health_pb2.HealthCheckRequest(service=name)
            return (await health.Check(request)).status

        before = [await status(""), await status("fleetwright.tests.v1.Echo")]
        with pytest.raises(aio.AioRpcError) as caught:
            await status("nobody")
        watching = health.Watch(health_pb2.HealthCheckRequest())
        first = (await watching.read()).status
        part.is_ready = False
        second = (await watching.read()).status
        unknown = health.Watch(health_pb2.HealthCheckRequest(service="nobody"))
        third = (await unknown.read()).status

    assert before == [SERVING, SERVING]
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert [first, second] == [SERVING, NOT_SERVING]
    assert third == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


async def test_a_degraded_service_serves_and_says_what_it_lacks(echo: Any) -> None:
    """A broker that is away takes nobody out; `Check` names it beside the answer."""
    part = Spared()
    await echo.start(parts=(part,))
    part.is_ready = False
    async with aio.insecure_channel(f"127.0.0.1:{echo.server.port}") as channel:
        call = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest()
        )
        status = (await call).status
        told = dict(await call.trailing_metadata())

    assert status == SERVING
    assert told["fleet-degraded"] == "Spared"


async def test_watchers_leave_places_for_calls(echo: Any) -> None:
    """Anyone may watch, but few at once."""
    await echo.start()
    request = health_pb2.HealthCheckRequest()
    async with aio.insecure_channel(f"127.0.0.1:{echo.server.port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        watching = [health.Watch(request) for _ in range(16)]
        states = [(await one.read()).status for one in watching]
        with pytest.raises(aio.AioRpcError) as caught:
            await health.Watch(request, timeout=5.0).read()
        checked = (await health.Check(request)).status

    assert states == [SERVING] * 16
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert checked == SERVING


@pytest.mark.parametrize(
    ("environment", "asked", "told"),
    [
        ("production", None, False),
        ("development", None, True),
        ("production", True, True),
        ("development", False, False),
    ],
)
async def test_the_proto_is_told_in_development_only(
    echo: Any, environment: str, asked: bool | None, told: bool
) -> None:
    """Unless the service says otherwise."""
    await echo.start(environment=environment, reflection=asked, auth="off")
    async with aio.insecure_channel(f"127.0.0.1:{echo.server.port}") as channel:
        asking = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        names = []
        try:
            async for answer in asking.ServerReflectionInfo(iter([request])):
                names += [it.name for it in answer.list_services_response.service]
        except aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.UNIMPLEMENTED

    assert ("fleetwright.tests.v1.Echo" in names) is told


async def test_an_unknown_method_is_unimplemented_and_logged(echo: Any) -> None:
    """Someone calls what is not there: a newer client, or a scan."""
    await echo.start()
    async with aio.insecure_channel(f"127.0.0.1:{echo.server.port}") as channel:
        with capture_logs() as logged:
            with pytest.raises(aio.AioRpcError) as caught:
                call: Any = channel.unary_unary("/fleetwright.tests.v1.Echo/Sing")
                await call(b"")
            await echo.service.close()

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    [line] = [it for it in logged if it["event"] == "grpc.method_unknown"]
    assert line["path"] == "/fleetwright.tests.v1.Echo/Sing"


async def test_bytes_that_are_no_message_are_refused(echo: Any) -> None:
    """INVALID_ARGUMENT, and the servicer never sees them."""
    await echo.start()
    async with aio.insecure_channel(f"127.0.0.1:{echo.server.port}") as channel:
        with pytest.raises(aio.AioRpcError) as caught:
            call: Any = channel.unary_unary(SAY)
            await call(b"\xff\xff")

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert echo.heard == []


@pytest.mark.parametrize("name", ["fleet-deadline-ms", "traceparent", "fleet-caller"])
async def test_metadata_that_cannot_be_read_is_ignored(echo: Any, name: str) -> None:
    """A broken header of a stranger fails no call."""
    await echo.start()
    async with aio.insecure_channel(f"127.0.0.1:{echo.server.port}") as channel:
        call: Any = channel.unary_unary(SAY)
        request = echo.words(text="hello").SerializeToString()
        answer = await call(request, metadata=((name, "!?"), ("odd-bin", b"\xff")))

    assert echo.words.FromString(answer).text == "hello"


async def test_a_call_whose_time_is_over_on_arrival_is_not_begun(echo: Any) -> None:
    """Work that nobody waits for is not done."""
    await echo.start()
    async with aio.insecure_channel(f"127.0.0.1:{echo.server.port}") as channel:
        call: Any = channel.unary_unary(SAY)
        request = echo.words(text="hello").SerializeToString()
        with pytest.raises(aio.AioRpcError) as caught:
            await call(request, metadata=(("fleet-deadline-ms", "0"),))

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert echo.heard == []


async def test_more_calls_than_there_are_places_are_turned_away(echo: Any) -> None:
    """At once, with the word that nothing was done: another send may find a place."""
    await echo.start(max_in_flight=1)
    held = echo.answer = Turnstile()
    first = asyncio.create_task(echo.say("first"))
    await held.begun.wait()

    with pytest.raises(Unavailable) as caught:
        await echo.stub(attempts=1).Write(echo.words(text="second"))
    held.go.set()

    assert (caught.value.status, caught.value.retry_after_seconds) == (503, 1.0)
    assert await first == "first"
    assert echo.heard == ["first"]
    assert await echo.say("third") == "third"


async def test_a_servicer_may_end_a_call_in_grpcs_own_words(echo: Any) -> None:
    """`context.abort` is an answer like any other, and no bug."""
    base: Any = echo.generated.rpc.EchoServicer

    class Servicer(base):  # type: ignore[misc]
        async def Say(self, request: Any, context: Any) -> Any:  # noqa: N802
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such words")

        Write = Say

    service = Service("echo", GrpcSettings())
    adding = echo.generated.rpc.add_EchoServicer_to_server
    server = service.add(serve(Servicer(), adding, port=0))
    echo.service, echo.server = service, server
    await service.open()

    with capture_logs() as logged:
        with pytest.raises(Refused) as caught:
            await echo.say("hello")
        await service.close()  # the line is written once the answer is out

    assert caught.value.status == 404
    assert "call.failed" not in [it["event"] for it in logged]
    [line] = [it for it in logged if it["event"] == "call.answered"]
    assert (line["status"], line["outcome"]) == (404, "answered")


async def test_info_tells_of_both_sides(echo: Any) -> None:
    """Who is called and where; where it listens and for what."""
    await echo.start()
    caller = Service("shop", GrpcSettings())
    caller.add(stub(echo.generated.rpc.EchoStub, provider="echo", url=echo.url))
    await caller.open()

    ours = (await caller.info())["parts"]["EchoStub"]
    theirs = (await echo.service.info())["parts"]["RpcServer"]
    await caller.close()

    assert ours == {"provider": "echo", "url": echo.url, "budget": {"left": 10}}
    assert theirs["port"] == echo.server.port
    assert SAY in theirs["methods"]
    assert "requests" not in theirs  # only where callers may ask for the .proto


async def test_problems_keep_their_kind(echo: Any) -> None:
    """Programs read the kind, people the words."""

    async def refuse(text: str) -> str:
        raise Problem(409, "Sold out", kind="sold_out", left=3)

    await echo.start()
    echo.answer = refuse

    with pytest.raises(Refused) as caught:
        await echo.say("hello")

    problem = caught.value.problem
    assert problem is not None
    assert (problem["kind"], problem["left"]) == ("sold_out", 3)
