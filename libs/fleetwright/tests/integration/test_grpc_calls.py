"""Calls out over gRPC: what travels with them, and what their ends mean."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc
import pytest
from grpc import aio
from stolen import stolen_time
from structlog.testing import capture_logs

from fleetwright import Deadline, DeadlineExceeded, Problem, Refused, Unavailable
from fleetwright._context import bind, current_call, new_call
from fleetwright._deadline import current_deadline
from fleetwright.grpc import stub
from fleetwright.resilience import Pipeline, Retry, Timeout


class Answers:
    """An answer that fails some times before it is given."""

    def __init__(self, *problems: Exception) -> None:
        """Fail with these, one after the other."""
        self.problems = list(problems)

    async def __call__(self, text: str) -> str:
        """Fail, or answer."""
        if self.problems:
            raise self.problems.pop(0)
        return text


def away(**headers: str) -> Problem:
    """Return the answer of a service that cannot answer now."""
    return Problem(
        503, "Away", headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


async def test_context_travels_with_a_call(echo: Any) -> None:
    """Call id, caller, trace and criticality arrive; the span is a new one."""
    seen: list[Any] = []

    async def look(text: str) -> str:
        seen.append(current_call())
        return text

    await echo.start()
    echo.answer = look
    ours = new_call("orders", id="order-1", criticality="batch")
    with bind(ours):
        await echo.say("hello")

    [call] = seen
    assert (call.id, call.caller, call.trace_id) == ("order-1", "orders", ours.trace_id)
    assert call.criticality == "batch"
    assert call.parent_span_id not in (None, ours.span_id)


async def test_outside_of_a_call_a_trace_begins_and_nobody_is_named(echo: Any) -> None:
    """A script has no name to give."""
    seen: list[Any] = []

    async def look(text: str) -> str:
        seen.append(current_call())
        return text

    await echo.start()
    echo.answer = look
    await echo.say("hello")

    [call] = seen
    assert call.caller is None
    assert call.parent_span_id is not None


@pytest.mark.parametrize(
    ("given", "asked", "left"), [(10.0, 2.0, 2.0), (0.5, 2.0, 0.5), (10.0, 30.0, 5.0)]
)
async def test_a_deadline_arrives_capped_by_the_provider(
    echo: Any, given: float, asked: float, left: float
) -> None:
    """The earliest of the caller's, the pipeline's and the provider's own counts."""
    seen: list[Any] = []

    async def look(text: str) -> str:
        deadline = current_deadline()
        seen.append(None if deadline is None else deadline.left())
        return text

    await echo.start(request_seconds=given)
    echo.answer = look
    with Deadline.after(asked):
        await echo.say("hello")

    # gRPC rounds a timeout up, by at most one percent.
    assert left * 0.8 < seen[0] < left * 1.02


async def test_what_is_not_there_now_is_asked_again(echo: Any) -> None:
    """UNAVAILABLE of a method that may be repeated costs another attempt."""
    await echo.start()
    echo.answer = Answers(away(), away())

    assert await echo.say("hello") == "hello"
    assert len(echo.heard) == 3


async def test_a_method_not_declared_idempotent_is_sent_once(echo: Any) -> None:
    """Whether anything was done is unknown: the caller decides."""
    await echo.start()
    echo.answer = Answers(away())

    with pytest.raises(Unavailable) as caught:
        await echo.stub().Write(echo.words(text="hello"))

    assert (caught.value.reason, caught.value.status) == ("status", 503)
    assert len(echo.heard) == 1


async def test_what_was_not_processed_is_sent_again_whatever_the_method(
    echo: Any,
) -> None:
    """The provider said that it did nothing."""
    await echo.start()
    echo.answer = Answers(away(Fleet_Not_Processed="1"))

    reply = await echo.stub().Write(echo.words(text="hello"))

    assert (reply.text, len(echo.heard)) == ("hello", 2)


async def test_a_provider_that_pushes_back_is_left_alone(echo: Any) -> None:
    """`Fleet-Retry: no` travels as a pushback below zero."""
    await echo.start()
    echo.answer = Answers(away(Fleet_Retry="no"))

    with pytest.raises(Unavailable):
        await echo.say("hello")

    assert len(echo.heard) == 1


async def test_a_pushback_is_waited_for(echo: Any) -> None:
    """`Retry-After` travels in milliseconds and is a lower bound."""
    await echo.start()
    echo.answer = Answers(away(Retry_After="1"))
    loop = asyncio.get_running_loop()

    began = loop.time()
    async with stolen_time() as stolen:
        await echo.say("hello")

    assert 1.0 <= loop.time() - began < 1.8 + stolen.seconds


async def test_a_pushback_past_the_deadline_ends_the_call(echo: Any) -> None:
    """Waiting in vain helps nobody."""
    await echo.start()
    echo.answer = Answers(away(Retry_After="2"))

    with pytest.raises(Unavailable) as caught:
        await echo.say("hello", seconds=1.0)

    assert caught.value.retry_after_seconds == 2.0
    assert len(echo.heard) == 1


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 412, 413, 422])
async def test_a_no_arrives_with_its_status_and_reason(echo: Any, status: int) -> None:
    """A problem raised there is the same problem here; it is not asked again."""
    await echo.start()
    echo.answer = Answers(Problem(status, "No", detail="Not you.", kind="nope"))

    with pytest.raises(Refused, match=r"No: Not you\.") as caught:
        await echo.say("hello")

    problem = caught.value.problem
    assert problem is not None
    assert (caught.value.status, problem["kind"]) == (status, "nope")
    assert len(echo.heard) == 1


async def test_a_bug_there_tells_nothing_of_itself(echo: Any) -> None:
    """INTERNAL, without the words of the exception; their log has them."""
    await echo.start()
    echo.answer = Answers(RuntimeError("the canary sings"))

    with capture_logs() as logged, pytest.raises(Unavailable) as caught:
        await echo.say("hello")

    assert caught.value.status == 500
    assert "canary" not in str(caught.value)
    assert "canary" in str(next(it for it in logged if it["event"] == "call.failed"))


async def test_a_hanging_provider_is_given_up_in_time(echo: Any) -> None:
    """The whole call ends by its deadline, and the work there is cancelled."""
    cut = asyncio.Event()

    async def hang(text: str) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()
        return text

    await echo.start()
    echo.answer = hang

    with pytest.raises(DeadlineExceeded) as caught:
        await echo.say("hello", seconds=0.3)

    assert caught.value.provider == "echo"
    await cut.wait()


async def test_the_timer_of_grpc_may_ring_before_ours(echo: Any) -> None:
    """A moment early it is our limit all the same: the attempt's, then the call's."""
    await echo.start()
    policies = (Timeout(0.3), Retry(first_seconds=0.001), Timeout(0.2))
    part: Any = stub(
        echo.generated.rpc.EchoStub,
        provider="echo",
        url=echo.url,
        pipeline=Pipeline("echo", *policies),
    )
    echo.stubs.append(part)
    await part.__part__.open()
    sent: list[float] = []

    async def early(
        body: bytes,
        *,
        timeout: float,  # noqa: ASYNC109 - as grpc has it
        metadata: object,
    ) -> bytes:
        sent.append(timeout)
        await asyncio.sleep(timeout - 0.01)
        late = grpc.StatusCode.DEADLINE_EXCEEDED
        raise aio.AioRpcError(late, aio.Metadata(), aio.Metadata())

    part.__part__._wires = dict.fromkeys(part.__part__._wires, early)
    with pytest.raises(DeadlineExceeded):
        await part.Say(echo.words(text="hello"))

    assert len(sent) == 2


async def test_a_provider_out_of_its_own_time_is_asked_again(echo: Any) -> None:
    """DEADLINE_EXCEEDED that is not ours is a timeout over there."""
    hanging = [True]

    async def hang_once(text: str) -> str:
        if hanging.pop() if hanging else False:
            await asyncio.Event().wait()
        return text

    await echo.start(request_seconds=0.1)
    echo.answer = hang_once

    assert await echo.say("hello") == "hello"
    assert len(echo.heard) == 2


async def test_a_caller_that_leaves_stops_the_work(echo: Any) -> None:
    """The handler is cancelled, and the log says that the caller is gone."""
    begun, cut = asyncio.Event(), asyncio.Event()

    async def hang(text: str) -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()
        return text

    await echo.start()
    echo.answer = hang
    with capture_logs() as logged:
        calling = asyncio.create_task(echo.say("hello"))
        await begun.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await cut.wait()
        await echo.service.close()

    [line] = [it for it in logged if it["event"] == "call.answered"]
    assert (line["outcome"], line["status"]) == ("gone", 499)
    assert line["route"] == "/fleetwright.tests.v1.Echo/Say"


async def test_nobody_there_is_a_failed_connection(echo: Any) -> None:
    """Nothing was sent: any method may be tried again."""
    await echo.start()
    url = echo.url
    await echo.service.close()
    made = stub(echo.generated.rpc.EchoStub, provider="echo", url=url)
    echo.stubs.append(made)

    with pytest.raises(Unavailable) as caught:
        await made.Write(echo.words(text="hello"))

    assert (caught.value.reason, caught.value.status) == ("connect", None)
    assert any("attempts: 3" in note for note in caught.value.__notes__)


@asynccontextmanager
async def far_away(url: str, seconds: float) -> AsyncIterator[tuple[str, list[int]]]:
    """Yield the address of a way to a provider, long at first, and who took it."""
    host, port = url.removeprefix("http://").split(":")
    connected: list[int] = []

    async def carry(
        source: asyncio.StreamReader, target: asyncio.StreamWriter, late: float
    ) -> None:
        with suppress(OSError):
            await asyncio.sleep(late)  # this is what the test is about
            while data := await source.read(65_536):
                target.write(data)
        target.close()

    async def take(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        connected.append(back.get_extra_info("peername")[1])
        far, there = await asyncio.open_connection(host, int(port))
        await asyncio.gather(carry(near, there, 0), carry(far, back, seconds))

    async with await asyncio.start_server(take, "127.0.0.1", 0) as way:
        _, here = way.sockets[0].getsockname()
        yield f"http://127.0.0.1:{here}", connected


async def test_a_provider_far_away_is_connected_to_at_once(echo: Any) -> None:
    """An attempt is not given up while its first answer is on its way."""
    await echo.start()
    once = False
    async with asyncio.timeout(60):
        while not once:  # a busy machine may take too long itself
            async with far_away(echo.url, 0.3) as (url, connected):
                kind: Any = echo.generated.rpc.EchoStub
                patient = Pipeline("echo", Timeout(30))
                made = stub(kind, provider="echo", url=url, pipeline=patient)
                with suppress(Unavailable):
                    await made.Say(echo.words(text="hello"))
                    once = len(connected) == 1
                await made.__part__.close()


async def test_a_message_too_long_is_refused(echo: Any) -> None:
    """Sent again it would be as long."""
    await echo.start(max_message_bytes=1000)

    with pytest.raises(Refused) as caught:
        await echo.say("x" * 1001)

    assert (caught.value.status, echo.heard) == (413, [])


async def test_an_answer_too_long_is_no_answer(echo: Any) -> None:
    """More than 4 MiB are not read."""

    async def talk(text: str) -> str:
        return "x" * (4 * 1024 * 1024)

    await echo.start()
    echo.answer = talk

    with pytest.raises(Unavailable) as caught:
        await echo.say("hello")

    assert caught.value.reason == "invalid_answer"


async def test_timeout_and_metadata_of_one_call_are_heeded(echo: Any) -> None:
    """As the generated types promise."""
    seen: list[Any] = []

    async def look(text: str) -> str:
        call, deadline = current_call(), current_deadline()
        assert call is not None and deadline is not None
        seen.append((call.id, deadline.left()))
        return text

    await echo.start()
    echo.answer = look
    metadata = [("fleet-call-id", "mine")]

    await echo.stub().Say(echo.words(text="hello"), timeout=1.0, metadata=metadata)

    [(_, left)] = seen
    assert left <= 1.02
