"""The story of one call coming in, told over gRPC by a part of the service."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import structlog
from grpc import aio
from grpc_health.v1 import health_pb2_grpc

from fleetwright._inbound import OVERLOADED, Inbound
from fleetwright._service import Service
from fleetwright.auth import Access
from fleetwright.errors import DeclarationError, SettingsError
from fleetwright.grpc._captured import CapturedExchange
from fleetwright.grpc._exchange import RpcExchange
from fleetwright.grpc._health import SERVICE, Health
from fleetwright.grpc._methods import Answering, answered, request_of

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")

_MESSAGE_BYTES = 1024 * 1024
_CALLS_AT_ONCE = 1_000  # a backstop: how many are answered at once is admission's
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a port in use is an error, not a shared port
    ("grpc.max_concurrent_streams", 128),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.max_connection_idle_ms", 300_000),
    # Who asks more often whether we live than every 10 s is sent away.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 2),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


def serve(
    servicer: object,
    add_to_server: Callable[..., None],
    *,
    port: int,
    reflection: bool | None = None,
    max_message_bytes: int = _MESSAGE_BYTES,
    max_calls: int = _CALLS_AT_ONCE,
) -> "RpcServer":
    """Return the part of a service that answers its gRPC calls.

    Add it last: it listens once the parts before it are open. Health
    (`grpc.health.v1`) follows the service's readiness.

    Args:
        servicer: An object of a class derived from the generated servicer; its methods
            are `async def` and raise `Problem` to refuse.
        add_to_server: The generated function, `add_StockServicer_to_server`.
        port: Where to listen, on the service's `host`; 0 takes a free port.
        reflection: Whether callers may ask for the .proto; only in development when
            left out.
        max_message_bytes: The longest request that is read.
        max_calls: The most calls at once; more are refused with RESOURCE_EXHAUSTED.

    Returns:
        The part.

    Raises:
        DeclarationError: A method streams, is missing, or is not `async def`.
    """
    options = (*_OPTIONS, ("grpc.max_receive_message_length", max_message_bytes))
    return RpcServer(
        answered(servicer, add_to_server), port, reflection, options, max_calls
    )


class RpcServer:
    """Answers the gRPC calls of a service; a part of it.

    Told to stop it says NOT_SERVING and goes on accepting; when the service drains it
    refuses new calls and lets those in flight finish within `drain_seconds`.

    Attributes:
        port: Where it listens; the real one once it is open.
    """

    def __init__(
        self,
        methods: dict[str, Answering],
        port: int,
        reflection: bool | None,
        options: tuple[tuple[str, int], ...],
        max_calls: int,
    ) -> None:
        """Keep what is needed to open."""
        self.port = port
        self._methods = methods
        self._reflection = reflection
        self._options = options
        self._max_calls = max_calls
        self._service: Service | None = None
        self._server: aio.Server | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._forget: Callable[[], None] = lambda: None

    def added_to(self, service: Service) -> None:
        """Answer for a service.

        Args:
            service: Whose calls these are.
        """
        self._service = service
        service.gate.routes_from(self._routes)

    @property
    def methods(self) -> Mapping[str, Answering]:
        """What it answers, by path."""
        return self._methods

    def _routes(self) -> dict[str, Access | None]:
        return {f"GRPC {path}": one.access for path, one in self._methods.items()}

    async def open(self) -> None:
        """Listen.

        Raises:
            DeclarationError: It belongs to no service.
            SettingsError: The port is in use, or the address is not of this machine.
        """
        service = self._service
        if service is None:
            raise DeclarationError(
                "this gRPC server belongs to no service",
                where="serve(servicer, add_to_server)",
                hint="add it: service.add(serve(...))",
            )
        host = service.settings.host
        _require_free(host, self.port)
        server = aio.server(
            options=self._options, maximum_concurrent_rpcs=self._max_calls
        )
        names = sorted({one.method.service for one in self._methods.values()})
        health = Health(service, names)
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        if self._is_reflecting(service):
            from grpc_reflection.v1alpha import reflection

            listed = [*names, SERVICE, reflection.SERVICE_NAME]
            reflection.enable_server_reflection(listed, server)
        server.add_generic_rpc_handlers((_Answers(self._methods, service),))
        self.port = server.add_insecure_port(_joined(host, self.port))
        await server.start()
        self._server = server
        self._forget = service.lifecycle.on_draining(self._begin_to_stop)
        _log.info("grpc.listening", host=host, port=self.port)

    def _is_reflecting(self, service: Service) -> bool:
        if self._reflection is None:
            return service.settings.environment == "development"
        return self._reflection

    def _begin_to_stop(self) -> None:
        self._stopping = asyncio.get_running_loop().create_task(self._stop())

    async def _stop(self) -> None:
        if self._service is not None and self._server is not None:
            await self._server.stop(self._service.settings.drain_seconds)

    async def drain(self) -> None:
        """Wait until the calls in flight are answered."""
        if self._stopping is not None:
            await asyncio.wait((self._stopping,))

    async def close(self) -> None:
        """Cut what is still in flight, and stop listening."""
        self._forget()
        server, self._server = self._server, None
        if server is not None:
            await server.stop(None)
        if self._stopping is not None:
            await self._stopping

    def facts(self) -> dict[str, object]:
        """Return what /info shows: the port, the methods, and what each is sent."""
        found: dict[str, object] = {"port": self.port, "methods": sorted(self._methods)}
        if self._service is not None and self._is_reflecting(self._service):
            found["requests"] = {path: request_of(path) for path in self._methods}
        return found


class _Answers(grpc.GenericRpcHandler):
    """Finds the method that is called, and has its story told."""

    def __init__(self, methods: dict[str, Answering], service: Service) -> None:
        self._inbound = Inbound(service)
        self._service = service
        # No (de)serializers: a message is read only after its call was let in.
        captures = service.settings.capture_calls
        self._exchange = CapturedExchange if captures else RpcExchange
        self._known: dict[str, Any] = {
            path: grpc.unary_unary_rpc_method_handler(self._telling(one))
            for path, one in methods.items()
        }

    def service(self, details: Any) -> Any:
        """Return what answers a call, or None: then gRPC says UNIMPLEMENTED."""
        known = self._known.get(details.method)
        if known is None:
            _log.warning("grpc.method_unknown", path=str(details.method)[:200])
        return known

    def _telling(self, one: Answering) -> Callable[[bytes, Any], Awaitable[bytes]]:
        service, admission = self._service, self._service.admission

        async def tell(body: bytes, context: Any) -> bytes:
            exchange = self._exchange(one, body, context, service)
            headers = exchange.headers()
            if not admission.admit_headers(headers):
                exchange.turn_away(OVERLOADED)
                return await exchange.reply()
            try:
                await self._inbound.tell(headers, exchange, exchange.run)
            finally:
                admission.leave()
            return await exchange.reply()

        return tell


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _require_free(host: str, port: int) -> None:
    """Say readably what gRPC would only say in its own log."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((host, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "is in use" if taken else f"cannot be listened on: {error.strerror}"
            raise SettingsError(
                f"port {port} {why}",
                where=f"HOST={host} GRPC_PORT={port}",
                hint="stop the other process, or set GRPC_PORT to another one",
            ) from None
