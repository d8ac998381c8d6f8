"""A life for what has none: a service without an HTTP API, or one behind a bridge."""

from fleetwright._asgi import App, FleetMiddleware, Receive, Scope, Send
from fleetwright._probes import PROBES
from fleetwright._problem import Problem
from fleetwright._service import Service


class WorkerApp:
    """An ASGI application with a life for what has none: probes, opening, closing."""

    def __init__(self, service: Service, app: App | None = None) -> None:
        """Serve a service that only hears events, or one behind a bridge.

        Args:
            service: The service.
            app: What answers its requests; nothing does when left out.
        """
        self._service = service
        self._middleware = FleetMiddleware(app or self._nothing, service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open and close the service with the server; answer probes.

        Args:
            scope: What the connection is.
            receive: Its incoming messages.
            send: Its outgoing messages.
        """
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._middleware(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._service.open()
        except BaseException as error:
            self._service.lifecycle.failure = error
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._service.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _nothing(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        raise Problem(
            404,
            "Not found",
            detail=f"{self._service.name} has no HTTP API, only {', '.join(PROBES)}.",
            kind="not_found",
        )
