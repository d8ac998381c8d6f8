"""uvicorn, told when to begin and when to end by the life of a service."""

import asyncio
import contextlib
import errno
import functools
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import structlog

from fleetwright import _logs
from fleetwright._connections import Connections
from fleetwright._listener import Listener
from fleetwright._served import asgi_of
from fleetwright._service import Service
from fleetwright._settings import Settings
from fleetwright._standin import StandIn
from fleetwright._target import StartError, failure
from fleetwright._watchdog import Watchdog

try:
    import uvicorn
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "fleetwright.serve needs uvicorn\n"
        "hint: add `fleetwright[fastapi]` to requirements.in and run `fleet lock`",
        name=error.name,
    ) from None

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
LAME_DUCK_SECONDS = 5.0  # more than a client keeps an idle connection, see `_transport`
_CLOSING_SECONDS = 8.0  # what parts may take beyond the drain, before we are killed


class Server(uvicorn.Server):
    """A uvicorn server that stops in the order a service needs.

    The first signal turns readiness off, goes on accepting for `lame_duck_seconds` with
    every answer the last of its connection, then finishes requests in flight, and those
    that are on their way on kept connections, within `drain_seconds`, drains and closes
    the parts. The second signal, or a stop that
    hangs, ends the process at once.
    """

    def __init__(
        self, config: uvicorn.Config, service: Service, connections: Connections
    ) -> None:
        """Serve a service.

        Args:
            config: What uvicorn needs to know.
            service: The service whose API it serves.
            connections: Those of its callers.
        """
        super().__init__(config)
        self._service = service
        self._connections = connections

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals ourselves; uvicorn would raise them again at the end."""
        loop = asyncio.get_running_loop()
        for one in _STOP_SIGNALS:
            with contextlib.suppress(NotImplementedError):  # Windows has none on loops
                loop.add_signal_handler(one, self.stop, one.name)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the service and listen.

        Args:
            sockets: What is bound already: one.

        Raises:
            StartError: A part could not be opened.
        """
        host, port = (sockets or [])[0].getsockname()[:2]
        try:
            if sys.platform == "win32":
                await super().startup(sockets)
            else:
                await super().startup([])
                self._listen((sockets or [])[0])
        except SystemExit:
            error = self._service.lifecycle.failure or RuntimeError("not started")
            raise failure(f"{self._service.name} cannot be started", error) from None
        except OSError as error:  # another process began to listen since we bound it
            await self.lifespan.shutdown()
            raise _not_listening(error, host, port) from None
        _log.info("service.ready", host=host, port=port, pid=os.getpid())

    def _listen(self, bound: socket.socket) -> None:
        """Take connections ourselves; closed by uvicorn like servers of its own."""
        make = functools.partial(
            # Ours takes more than the class that uvicorn declares.
            self.config.http_protocol_class,  # type: ignore[call-arg]
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        # It has what uvicorn asks of a server: close and wait_closed.
        self.servers = [Listener(bound, make)]  # type: ignore[list-item]

    def stop(self, signal_name: str) -> None:
        """Stop, in order; when called again, at once.

        Args:
            signal_name: What asked for it, for the log.
        """
        if self._service.lifecycle.told_to_stop:
            _end_now("a second signal")
        settings = self._service.settings
        _log.info("service.stopping", signal=signal_name)
        self._service.lifecycle.stop()
        self._connections.leave()
        lame_duck = lame_duck_seconds(settings)
        longest = lame_duck + settings.drain_seconds
        guard = threading.Timer(
            longest + _CLOSING_SECONDS, _end_now, ("the time to stop is over",)
        )
        guard.daemon = True
        guard.start()
        loop = asyncio.get_running_loop()
        loop.call_later(lame_duck, self._close)

    def _close(self) -> None:
        self._service.lifecycle.begin_drain(self._service.settings.drain_seconds)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and finish those that are open.

        Args:
            sockets: What is listened on.
        """
        self._connections.end()
        await super().shutdown(sockets)


def lame_duck_seconds(settings: Settings) -> float:
    """Return how long a service that was told to stop goes on accepting.

    Args:
        settings: Those of the service; nobody waits for a developer's process.
    """
    if settings.lame_duck_seconds is not None:
        return settings.lame_duck_seconds
    return LAME_DUCK_SECONDS if settings.environment == "production" else 0.0


def _end_now(why: str) -> None:
    _log.error("service.stop_forced", because=why)
    _logs.flush()
    os._exit(1)  # not sys.exit(): whatever hangs would hang that too


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address.

    Args:
        host: Name or number of the interface.
        port: The port; 0 takes a free one.

    Returns:
        The socket; it does not accept yet.

    Raises:
        StartError: The port is in use, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise _not_listening(error, host, port) from None
    bound.setblocking(False)
    return bound


def _not_listening(error: OSError, host: str, port: int) -> StartError:
    taken = error.errno == errno.EADDRINUSE
    why = "is in use" if taken else f"cannot be listened on: {error.strerror}"
    return StartError(
        f"port {port} {why}",
        where=f"HOST={host} PORT={port}",
        hint="stop the other process, or set PORT to another one (0: any free one)",
    )


def loop_factory() -> Any:
    """Return what makes the event loop.

    Raises:
        StartError: httptools or uvloop is missing where both exist.
    """
    if sys.platform == "win32":
        return asyncio.new_event_loop
    try:
        import httptools  # noqa: F401 - only to see that it is there
        import uvloop
    except ModuleNotFoundError as error:
        raise StartError(
            f"{error.name} is not installed; without it a service is 2.5 times slower",
            where="python -m fleetwright.serve",
            hint="add `fleetwright[fastapi]` to requirements.in and run `fleet lock`",
        ) from None
    return uvloop.new_event_loop


def _http(settings: Settings, connections: Connections) -> Any:
    """Return the protocol that reads requests."""
    if sys.platform == "win32":
        return "auto"
    from fleetwright._edge import Edge
    from fleetwright._protocol import FleetProtocol

    edge = Edge(
        connections, frozenset(settings.allowed_hosts), settings.trusted_proxies
    )
    return functools.partial(FleetProtocol, edge=edge)


async def serve(app: Any, service: Service, bound: socket.socket) -> None:
    """Serve until told to stop.

    Args:
        app: The application, or the service itself when it has no API.
        service: The service.
        bound: Where to listen.

    Raises:
        StartError: A part could not be opened.
    """
    settings = service.settings
    most = settings.max_connections or max(256, 4 * settings.max_in_flight)
    connections = Connections(most)
    config = uvicorn.Config(
        asgi_of(app, service),
        http=_http(settings, connections),
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[str(one) for one in settings.trusted_proxies],
        # Declared a whole number, used as seconds of any kind.
        timeout_graceful_shutdown=settings.drain_seconds,  # type: ignore[arg-type]
    )
    server = Server(config, service, connections)
    stand_in = StandIn(
        bound, service=service.name, alive_seconds=settings.alive_blocked_seconds
    )
    with service.add(Watchdog(stand_in)):
        await server.serve(sockets=[bound])
    connections.refused.tell()
    _log.info("service.stopped")
