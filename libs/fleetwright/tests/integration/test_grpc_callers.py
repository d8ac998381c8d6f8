"""Who calls over gRPC: tokens shown, proved and renewed."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, Literal

import grpc
import pytest
from grpc import aio

from fleetwright import Refused, Service, Unavailable
from fleetwright._context import current_call
from fleetwright.auth import allow, public
from fleetwright.errors import DeclarationError
from fleetwright.grpc import GrpcSettings, RpcServer, serve, stub
from fleetwright.testing import Faults, calling, serving
from fleetwright.testing._issuer import issuer_of_tests


@pytest.fixture
async def service(generated: SimpleNamespace) -> AsyncIterator[Service]:
    """Serve words to the shop, and writing to everyone."""
    base: Any = generated.rpc.EchoServicer

    class Servicer(base):  # type: ignore[misc]
        @allow("shop")
        async def Say(self, request: Any, context: Any) -> Any:  # noqa: N802
            call = current_call()
            return generated.messages.Words(text=str(call and call.principal))

        @public
        async def Write(self, request: Any, context: Any) -> Any:  # noqa: N802
            return request

    app = Service("echo", GrpcSettings(grpc_port=0))
    app.add(serve(Servicer(), generated.rpc.add_EchoServicer_to_server, port=0))
    async with serving(app):
        yield app


async def test_a_caller_is_known_by_its_token(
    service: Service, generated: SimpleNamespace
) -> None:
    """The metadata `authorization` is proved as the header is."""
    async with calling(service, generated.rpc.EchoStub, caller="shop") as echo:
        reply = await echo.Say(generated.messages.Words())

    assert "shop" in reply.text


@pytest.mark.parametrize(("caller", "status"), [(None, 401), ("other", 403)])
async def test_others_are_refused_before_their_words_are_read(
    service: Service, generated: SimpleNamespace, caller: str | None, status: int
) -> None:
    """UNAUTHENTICATED or PERMISSION_DENIED, with the kind."""
    async with calling(service, generated.rpc.EchoStub, caller=caller) as echo:
        with pytest.raises(Refused) as caught:
            await echo.Say(generated.messages.Words())
        reply = await echo.Write(generated.messages.Words(text="public"))

    assert caught.value.status == status
    assert reply.text == "public"


class Tokens:
    """A source whose first token is no good."""

    def __init__(self) -> None:
        """Hand out the bad one first."""
        self.left = ["bad", issuer_of_tests().token("echo", caller="shop")]
        self.asked: list[str] = []

    async def token(self, audience: str) -> str:
        """Return what is left."""
        self.asked.append(audience)
        return self.left[0]

    def forget(self, audience: str, token: str) -> None:
        """Drop a token that was refused."""
        if len(self.left) > 1:
            self.left.remove(token)


async def test_a_token_that_is_refused_is_renewed_once(
    service: Service, generated: SimpleNamespace
) -> None:
    """The caller of our client notices nothing."""
    url = f"http://127.0.0.1:{service.find(RpcServer).port}"
    echo = stub(generated.rpc.EchoStub, provider="echo", url=url)
    part: Any = echo
    part.__part__.tokens = tokens = Tokens()

    reply = await part.Say(generated.messages.Words())
    tokens.left = ["bad"]
    with pytest.raises(Refused) as caught:
        await part.Say(generated.messages.Words())
    await part.__part__.close()

    assert "shop" in reply.text
    assert caught.value.status == 401
    assert set(tokens.asked) == {"echo"}


async def test_methods_are_routes_that_say_who_may_call(service: Service) -> None:
    """Tools read them from the service."""
    assert {name: str(access) for name, access in service.gate.routes.items()} == {
        "GRPC /fleetwright.tests.v1.Echo/Say": "shop",
        "GRPC /fleetwright.tests.v1.Echo/Write": "everyone",
    }


async def test_a_method_that_says_nothing_keeps_the_service_from_starting(
    generated: SimpleNamespace,
) -> None:
    """Silence lets nobody in by mistake."""
    base: Any = generated.rpc.EchoServicer

    class Servicer(base):  # type: ignore[misc]
        @public
        async def Say(self, request: Any, context: Any) -> Any:  # noqa: N802
            return request

        async def Write(self, request: Any, context: Any) -> Any:  # noqa: N802
            return request

    app = Service("echo", GrpcSettings(grpc_port=0))
    app.add(serve(Servicer(), generated.rpc.add_EchoServicer_to_server, port=0))

    with pytest.raises(DeclarationError, match="do not say who may call"):
        await app.open()


@pytest.mark.parametrize("at", ["caller", "provider"])
async def test_faults_strike_calls_over_grpc(
    service: Service,
    generated: SimpleNamespace,
    faults: Faults,
    at: Literal["caller", "provider"],
) -> None:
    """As they strike calls over HTTP: every attempt, on either side."""
    faults.add("*->echo", error=503, at=at)

    async with calling(service, generated.rpc.EchoStub, caller="shop") as echo:
        with pytest.raises(Unavailable) as caught:
            await echo.Say(generated.messages.Words())
        faults.clear()
        reply = await echo.Say(generated.messages.Words())

    assert caught.value.status == 503
    assert faults.struck.total() == 3
    assert "shop" in reply.text


@pytest.mark.parametrize(
    "words", ["failed to connect to all addresses; bank", "errors resolving bank:443"]
)
async def test_words_a_provider_passes_on_do_not_make_a_call_unsent(
    generated: SimpleNamespace, words: str
) -> None:
    """It did its work and could not reach another: nothing is done twice."""
    heard: list[str] = []
    base: Any = generated.rpc.EchoServicer

    class Servicer(base):  # type: ignore[misc]
        async def Write(self, request: Any, context: Any) -> Any:  # noqa: N802
            heard.append(request.text)
            await context.abort(grpc.StatusCode.UNAVAILABLE, words)

    server = aio.server()
    generated.rpc.add_EchoServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    url = f"http://127.0.0.1:{port}"
    made: Any = stub(generated.rpc.EchoStub, provider="echo", url=url)
    reasons = []
    for text in ("over a new connection", "over one that is there"):
        with pytest.raises(Unavailable) as caught:
            await made.Write(generated.messages.Words(text=text))
        reasons.append((caught.value.reason, caught.value.status))
    await made.__part__.close()
    await server.stop(None)

    assert heard == ["over a new connection", "over one that is there"]
    assert reasons == [("status", 503)] * 2
