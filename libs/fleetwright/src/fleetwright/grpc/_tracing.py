"""The span of one attempt of a call over gRPC."""

from collections.abc import Awaitable, Callable, Sequence

from grpc import aio

from fleetwright import _spans
from fleetwright._context import Call
from fleetwright.errors import Unavailable

Metadata = Sequence[tuple[str, str | bytes]]
Wire = Callable[..., Awaitable[bytes]]


def traced(
    wire: Wire, tracer: _spans.CallTracer, call: Call, *, path: str, provider: str
) -> Wire:
    """Return what sends a request as a span, which that of the provider belongs to.

    Args:
        wire: Sends it and takes the reply.
        tracer: Who makes spans.
        call: The call it is made in.
        path: The method that is called.
        provider: The service that is called.
    """
    name = path[1:]

    async def send(
        body: bytes,
        *,
        timeout: float | None,  # noqa: ASYNC109 - as gRPC has it
        metadata: Metadata,
    ) -> bytes:
        span = tracer.begin(
            name,
            _spans.CLIENT,
            {
                "rpc.system.name": "grpc",
                "rpc.method": name,
                "service.peer.name": provider,
            },
            call,
        )
        header = tracer.traceparent(span)
        told = [
            (field, header if field == "traceparent" else value)
            for field, value in metadata
        ]
        code = "OK"
        try:
            return await wire(body, timeout=timeout, metadata=told)
        except aio.AioRpcError as error:
            code = error.code().name
            _spans.failed(span, error, kind=code)
            raise
        except BaseException as error:
            code = "UNAVAILABLE" if isinstance(error, Unavailable) else "CANCELLED"
            _spans.failed(span, error)
            raise
        finally:
            span.set_attribute("rpc.response.status_code", code)
            span.end()

    return send
