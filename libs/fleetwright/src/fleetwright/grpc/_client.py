"""A generated stub whose calls carry context and run in a pipeline."""

import asyncio
import os
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar, cast
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import DecodeError
from grpc import aio

from fleetwright import _faults, _spans
from fleetwright._address import address
from fleetwright._clock import clock
from fleetwright._context import Call, current_call, new_call, to_headers
from fleetwright._deadline import Deadline, current_deadline
from fleetwright.auth import TokenSource
from fleetwright.auth._tokens import token_for
from fleetwright.errors import DeadlineExceeded, DeclarationError, Unavailable
from fleetwright.grpc._methods import Method, streams
from fleetwright.grpc._status import meant
from fleetwright.grpc._tracing import Metadata, Wire, traced
from fleetwright.resilience import Attempt, Pipeline, Retry, Timeout

T = TypeVar("T")

_TOTAL_SECONDS = 2.0
_ATTEMPT_SECONDS = 1.0
_READY = grpc.ChannelConnectivity.READY
_FAILED = grpc.ChannelConnectivity.TRANSIENT_FAILURE
_EARLY_SECONDS = 0.02  # gRPC's own timer may ring that much before ours
CHANNEL_OPTIONS = (
    ("grpc.lb_policy_name", "round_robin"),  # DNS names all replicas of a provider
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config_disable_resolution", 1),
    # A provider that starts again is to be found soon: gRPC waits up to 2 minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    # To gRPC this is the time that one attempt to connect may take: far away, or to a
    # busy provider, 100 ms are none.
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
)


def stub(
    kind: type[T],
    *,
    provider: str,
    pipeline: Pipeline | None = None,
    url: str | None = None,
) -> T:
    """Return a generated stub whose calls are guarded.

    It is a part of a service; without one it opens at the first call. A call is sent
    again only where the .proto says `idempotency_level`, or where the provider did
    nothing with it.

    Args:
        kind: The stub's class, as generated: `StockStub`.
        provider: The name of the service that is called; `address()` finds it.
        pipeline: How calls are guarded; 2 s for a call, three attempts of at most 1 s
            when left out.
        url: Where the provider answers, when nobody is to look it up; for tests.

    Returns:
        The stub; its methods raise `Refused` and `Unavailable`.

    Raises:
        DeclarationError: It is no generated stub, or one of its methods streams.
    """
    guarded = pipeline or Pipeline(
        provider, Timeout(_TOTAL_SECONDS), Retry(), Timeout(_ATTEMPT_SECONDS)
    )
    part = StubPart(kind, provider, guarded, url)
    made = cast(Any, kind)(_Wiring(part))
    if not part.methods:
        raise DeclarationError(
            f"{kind.__name__} is no generated stub",
            where="stub(kind, provider=...)",
            hint="import it from the module whose name ends in _pb2_grpc",
        )
    made.__part__ = part
    return cast(T, made)


class StubPart:
    """What a guarded stub is made of; the part that a service opens and closes.

    Attributes:
        kind: The stub's class.
        provider: The name of the service that is called.
        methods: What can be called, by path.
        tokens: What is shown to the provider; the service sets it.
    """

    def __init__(
        self, kind: type, provider: str, pipeline: Pipeline, url: str | None
    ) -> None:
        """Start closed."""
        self.kind = kind
        self.provider = provider
        self.methods: dict[str, Method] = {}
        self.tokens: TokenSource | None = None
        self._pipeline = pipeline
        self._given_url = url
        self._url = ""
        self._channel: aio.Channel | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wires: dict[str, Wire] = {}

    async def open(self) -> None:
        """Find the provider; it is connected to by the first call.

        Raises:
            SettingsError: Nobody says where the provider answers.
        """
        self._opened()

    async def close(self) -> None:
        """Close the connections."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def facts(self) -> dict[str, object]:
        """Return what /info shows: who is called, where, and how the guards stand."""
        guards = self._pipeline.facts()
        return {"provider": self.provider, "url": self._url, **guards}

    async def call(
        self, method: Method, repeatable: bool, request: Any, extra: Metadata
    ) -> Any:
        """Make one call.

        Args:
            method: What is called.
            repeatable: Whether calling twice does no more than once.
            request: The message.
            extra: Metadata beside our own.

        Returns:
            The reply.

        Raises:
            Refused: They answered no.
            Unavailable: No answer that counts.
        """
        if self._channel is None or self._loop is not asyncio.get_running_loop():
            self._opened()
        wire, channel = self._wires[method.path], cast(aio.Channel, self._channel)
        if _faults.plan is not None:
            wire = self._struck(wire)
        body = method.encode(request)
        within = current_call()
        # Outside of a call a trace begins here; there is no caller to name then.
        call = within or new_call(self.provider)
        if _spans.tracer is None:
            out = wire
        else:
            names = {"path": method.path, "provider": self.provider}
            out = traced(wire, _spans.tracer, call, **names)

        async def send(attempt: Attempt) -> Any:
            metadata = (*_metadata(call, caller=within is not None), *extra)
            before = channel.get_state()
            try:
                data = await self._shown(out, body, metadata)
            except aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                    await self._our_time_over(error)
                connected = before is _READY or channel.get_state() is not _FAILED
                raise meant(
                    error, attempt, self.provider, method.path, connected=connected
                ) from error
            return self._decoded(method, data)

        try:
            return await self._pipeline.send(send, repeatable=repeatable)
        except Unavailable as error:
            error.provider = error.provider or self.provider
            error.where = error.where or method.path
            raise

    def _struck(self, wire: Wire) -> Wire:
        """Do first what the fault plan says: to all, the provider fails so."""

        async def sent(*request: bytes, **how: Any) -> bytes:
            if _faults.plan is not None:
                await _faults.plan.strike(self.provider)
            return await wire(*request, **how)

        return sent

    async def _shown(self, wire: Wire, body: bytes, metadata: Metadata) -> bytes:
        """Send with a token for the provider; one it refuses is replaced once."""
        tokens, provider = self.tokens, self.provider
        if tokens is None or any(name == "authorization" for name, _ in metadata):
            return await wire(body, timeout=_left(), metadata=metadata)
        token = await token_for(tokens, provider)
        try:
            return await wire(body, timeout=_left(), metadata=_with(metadata, token))
        except aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise
            tokens.forget(provider, token)
            renewed = await token_for(tokens, provider)
            if renewed == token:
                raise
        return await wire(body, timeout=_left(), metadata=_with(metadata, renewed))

    async def _our_time_over(self, error: aio.AioRpcError) -> None:
        """Wait for our own timer where gRPC's rang first: it knows which limit it was.

        Raises:
            DeadlineExceeded: It was our time that was over, not the provider's.
        """
        deadline = current_deadline()
        if deadline is not None and deadline.left() < _EARLY_SECONDS:
            await clock().sleep(max(0.0, deadline.left()))
            raise DeadlineExceeded(provider=self.provider) from error

    def _decoded(self, method: Method, data: bytes) -> Any:
        try:
            return method.decode(data)
        except DecodeError as error:
            raise Unavailable(
                f"{self.provider} answered with a message that cannot be read",
                reason="invalid_answer",
                provider=self.provider,
                where=method.path,
                hint="compare the .proto of both sides",
            ) from error

    def _opened(self) -> None:
        """Make the channel of this event loop; that of a loop that is gone is lost."""
        self._loop = asyncio.get_running_loop()
        self._url = self._given_url or address(self.provider, kind="grpc")
        parts = urlsplit(self._url)
        target = f"dns:///{parts.netloc}"
        if parts.scheme == "https":
            keys = grpc.ssl_channel_credentials()
            channel = aio.secure_channel(target, keys, options=CHANNEL_OPTIONS)
        else:
            channel = aio.insecure_channel(target, options=CHANNEL_OPTIONS)
        self._channel = channel
        self._wires = {path: channel.unary_unary(path) for path in self.methods}


def _metadata(call: Call, *, caller: bool) -> list[tuple[str, str | bytes]]:
    """Return what travels with an attempt, except the deadline: gRPC has its own."""
    headers = to_headers(call, span_id=os.urandom(8).hex())
    headers.pop("Fleet-Deadline-Ms", None)
    if not caller:
        headers.pop("Fleet-Caller", None)
    return [(name.lower(), value) for name, value in headers.items()]


def _left() -> float | None:
    """Return what is left of the current deadline, in seconds."""
    deadline = current_deadline()
    return None if deadline is None else max(0.0, deadline.left())


def _with(metadata: Metadata, token: str) -> Metadata:
    return (*metadata, ("authorization", f"Bearer {token}"))


class _Wiring:
    """What a generated stub takes for a channel: it hands out the part's calls."""

    def __init__(self, part: StubPart) -> None:
        self._part = part

    def unary_unary(
        self,
        path: str,
        request_serializer: Callable[[Any], bytes],
        response_deserializer: Callable[[bytes], Any],
        **_: object,
    ) -> Callable[..., Any]:
        part = self._part
        method = Method(path, request_serializer, response_deserializer)
        part.methods[path] = method
        repeatable = method.is_repeatable()

        async def call(
            request: Any,
            *,
            timeout: float | None = None,  # noqa: ASYNC109 - as the generated types say
            metadata: Metadata = (),
        ) -> Any:
            if timeout is None:
                return await part.call(method, repeatable, request, metadata)
            with Deadline.after(timeout):
                return await part.call(method, repeatable, request, metadata)

        call.__name__ = call.__qualname__ = path.rpartition("/")[2]
        return call

    def unary_stream(self, path: str, **_: object) -> NoReturn:
        raise streams(path, f"stub({self._part.kind.__name__}, ...)")

    stream_unary = stream_stream = unary_stream
