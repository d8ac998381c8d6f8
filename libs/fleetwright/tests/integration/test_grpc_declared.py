"""What is declared wrongly over gRPC is told before anybody calls."""

import socket
from types import SimpleNamespace
from typing import Any

import pytest

from fleetwright import Service, SettingsError
from fleetwright.errors import DeclarationError
from fleetwright.grpc import GrpcSettings, serve, stub
from fleetwright.testing import serving


async def test_a_port_in_use_is_told_with_its_variable(echo: Any) -> None:
    """Readably, and before anything is served."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        service = Service("echo", GrpcSettings())
        servicer, adding = servicer_of(echo.generated)
        service.add(serve(servicer, adding, port=port))

        with pytest.raises(SettingsError, match=f"port {port} is in use") as caught:
            await service.open()

    assert "GRPC_PORT" in str(caught.value)


def servicer_of(generated: SimpleNamespace) -> tuple[Any, Any]:
    """Return a servicer that says what it hears, and how it is added."""
    base: Any = generated.rpc.EchoServicer

    class Servicer(base):  # type: ignore[misc]
        async def Say(self, request: Any, context: Any) -> Any:  # noqa: N802
            return request

        Write = Say

    return Servicer(), generated.rpc.add_EchoServicer_to_server


def test_a_method_nobody_answers_is_told_at_import(generated: SimpleNamespace) -> None:
    """Not by the first caller."""
    base: Any = generated.rpc.EchoServicer

    class Servicer(base):  # type: ignore[misc]
        async def Say(self, request: Any, context: Any) -> Any:  # noqa: N802
            return request

    with pytest.raises(DeclarationError, match="Echo/Write is not answered"):
        serve(Servicer(), generated.rpc.add_EchoServicer_to_server, port=0)


def test_streams_are_told_at_import_on_both_sides(generated: SimpleNamespace) -> None:
    """Deadlines and retries of streams are another matter."""
    base: Any = generated.rpc.StreamsServicer

    class Servicer(base):  # type: ignore[misc]
        async def Follow(self, request: Any, context: Any) -> Any:  # noqa: N802
            yield request

    with pytest.raises(DeclarationError, match="Streams/Follow streams"):
        serve(Servicer(), generated.rpc.add_StreamsServicer_to_server, port=0)
    with pytest.raises(DeclarationError, match="Streams/Follow streams"):
        stub(generated.rpc.StreamsStub, provider="streams")


def test_what_is_no_stub_is_told_at_import() -> None:
    """With the module it is to be found in."""

    class Odd:
        def __init__(self, channel: object) -> None:
            pass

    with pytest.raises(DeclarationError, match="no generated stub") as caught:
        stub(Odd, provider="odd")

    assert "_pb2_grpc" in str(caught.value.hint)


async def test_a_server_of_no_service_is_told(generated: SimpleNamespace) -> None:
    """It was made and never added."""
    servicer, adding = servicer_of(generated)

    with pytest.raises(DeclarationError, match="belongs to no service"):
        await serve(servicer, adding, port=0).open()


async def test_a_stub_is_replaced_by_its_class(generated: SimpleNamespace) -> None:
    """A test of a caller needs no connection."""

    class FakeEcho:
        async def Say(self, request: Any) -> Any:  # noqa: N802
            return request

    service = Service("shop", GrpcSettings())
    service.add(stub(generated.rpc.EchoStub, provider="echo"))

    async with serving(service, replace={generated.rpc.EchoStub: FakeEcho()}):
        found: Any = service.find(generated.rpc.EchoStub)

        assert isinstance(found, FakeEcho)
