"""grpc.health.v1: the readiness of a service, for balancers and probes of gRPC."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fleetwright._clock import clock
from fleetwright._probes import Probes
from fleetwright._service import Service

SERVICE: Final = "grpc.health.v1.Health"
_LOOK_SECONDS = 1.0
_MOST_WATCHERS = 16  # each holds a place for a call, for as long as it likes
_Status = health_pb2.HealthCheckResponse


# The generated class has no types.
class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Says SERVING where `/readyz` says 200, and NOT_SERVING otherwise.

    A service that is degraded is SERVING; `Check` names the parts it lacks in the
    trailing metadata `fleet-degraded`.
    """

    def __init__(self, service: Service, names: Iterable[str]) -> None:
        """Tell about one service.

        Args:
            service: Whose readiness it is.
            names: The full names of its gRPC services; all are ready together.
        """
        self._service = service
        self._names = frozenset(names) | {""}
        self._probes = Probes(service)
        self._watchers = 0

    async def Check(  # noqa: N802 - as in the .proto
        self, request: Any, context: Any
    ) -> health_pb2.HealthCheckResponse:
        """Return whether the service takes calls."""
        if request.service not in self._names:
            words = "no such service"
            await context.abort(grpc.StatusCode.NOT_FOUND, words)
        status, lacking = await self._readiness()
        if lacking:
            context.set_trailing_metadata((("fleet-degraded", ", ".join(lacking)),))
        return _Status(status=status)

    async def Watch(  # noqa: N802 - as in the .proto
        self, request: Any, context: Any
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """Yield the state now and whenever it changes, until the service stops."""
        if request.service not in self._names:
            yield _Status(status=_Status.SERVICE_UNKNOWN)
            return
        if self._watchers >= _MOST_WATCHERS:
            words = f"{_MOST_WATCHERS} watch already; use Check"
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, words)
        self._watchers += 1
        stopping = asyncio.Event()
        forget = self._service.lifecycle.on_stopping(stopping.set)
        last = None
        try:
            while True:
                status, _ = await self._readiness()
                if status != last:
                    yield _Status(status=status)
                    last = status
                if stopping.is_set():
                    return  # a stream that stays would hold up the drain
                await _first(stopping, _LOOK_SECONDS)
        finally:
            self._watchers -= 1
            forget()

    async def _readiness(self) -> tuple[Any, tuple[str, ...]]:
        """Return whether the service takes calls, and the parts it does without."""
        status, told = await self._probes.answer("/readyz")
        if status != 200:
            return _Status.NOT_SERVING, ()
        lacking = [name for name, found in told["parts"].items() if found != "ok"]
        return _Status.SERVING, tuple(lacking)


async def _first(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most so long."""
    waiting = asyncio.ensure_future(event.wait())
    sleeping = asyncio.ensure_future(clock().sleep(seconds))
    try:
        await asyncio.wait((waiting, sleeping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        sleeping.cancel()
