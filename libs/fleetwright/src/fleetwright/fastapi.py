"""FastAPI: mount(app, service), Uses(kind), and refusals as OpenAPI promises them."""

import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Annotated, Any, cast

from fleetwright._asgi import FleetMiddleware
from fleetwright._principal import Principal
from fleetwright._problem_schema import INVALID_REQUEST, ProblemDocument, refused
from fleetwright._service import Service
from fleetwright.errors import DeclarationError

try:
    from fastapi import Depends, FastAPI
    from fastapi.routing import APIRoute
    from starlette.requests import HTTPConnection
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"fleetwright.fastapi needs {error.name}\n"
        "hint: add `fleetwright[fastapi]` to requirements.in and run `fleet lock`",
        name=error.name,
    ) from None

from fleetwright._fastapi_access import guard, routes_of
from fleetwright._fastapi_answers import answer_with_problems
from fleetwright._fastapi_promises import promise_answers
from fleetwright._sync_handlers import SyncHandlers

__all__ = ["INVALID_REQUEST", "Caller", "ProblemDocument", "Uses", "mount", "refused"]


def mount(app: FastAPI, service: Service) -> FastAPI:
    """Put a FastAPI application on a service.

    The service's parts open and close with the application. Every request gets a call
    id, a deadline, one log line and problems for errors; `/livez`, `/readyz` and
    `/info` are answered. A route asks who calls before it reads anything, unless it is
    `@public`. FastAPI's own telemetry is switched off, and in production its pages
    `/docs`, `/redoc` and `/openapi.json` are not served unless `OPEN_DOCS` says so.

    Args:
        app: The application, with or without its routes.
        service: The service it is the API of.

    Returns:
        The application.

    Raises:
        DeclarationError: The application is mounted already, or has been started.
    """
    if getattr(app.state, "fleetwright", None) is not None or app.middleware_stack:
        raise DeclarationError(
            f"the application {app.title!r} is mounted or started already",
            where=f"mount(app, Service({service.name!r}))",
            hint="call mount once, in create_app, on an app of its own",
        )
    app.state.fleetwright = service
    service.gate.routes_from(lambda: routes_of(app))
    app._telemetry.update({"tracing": False, "metrics": False, "logs": False})
    service.add(SyncHandlers())
    _live_with(app, service)
    answer_with_problems(app)
    promise_answers(app)
    if service.settings.environment == "production" and not service.settings.open_docs:
        _close_docs(app)
    build = app.build_middleware_stack

    def outermost() -> FleetMiddleware:
        return FleetMiddleware(build(), service)

    # Not add_middleware(): what is added after mount() would stand outside of ours.
    app.build_middleware_stack = outermost  # type: ignore[method-assign]
    return app


def Uses(kind: Any) -> Any:  # noqa: N802 - reads like a type in Annotated[...]
    """Return what FastAPI needs to hand the part of a kind to a handler.

    `catalog: Annotated[Catalog, Uses(Catalog)]`

    Args:
        kind: The class of the part, or the Protocol of a typed client.

    Returns:
        A dependency; the part is looked up in the service the request came in to.
    """
    return Depends(_finder(kind))


@functools.cache
def _finder(kind: Any) -> Callable[[HTTPConnection], Awaitable[Any]]:
    async def find(connection: HTTPConnection) -> Any:
        service: Service = connection.scope["fleetwright"]
        part = service._parts.get(kind)  # one look-up on the path of every request
        return service.find(kind) if part is None else part

    return find


async def _caller(connection: HTTPConnection) -> Principal:
    service: Service = connection.scope["fleetwright"]
    return service.gate.caller()


Caller = Annotated[Principal, Depends(_caller)]
"""Who calls, for a handler that wants to know: `caller: Caller`."""


def _close_docs(app: FastAPI) -> None:
    """Serve no description of the API; `app.openapi()` still returns it."""
    pages = {
        app.openapi_url,
        app.docs_url,
        app.redoc_url,
        app.swagger_ui_oauth2_redirect_url,
    }
    app.router.routes[:] = [
        route
        for route in app.router.routes
        if getattr(route, "path", "") not in pages or isinstance(route, APIRoute)
    ]


def _live_with(app: FastAPI, service: Service) -> None:
    """Open the parts before the application's own start, close them after its end."""
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(running: Any) -> AsyncIterator[Mapping[str, Any] | None]:
        await service.open()
        try:
            guard(app)
            async with inner(running) as state:
                service.gate.check_routes()  # its start may have added some
                guard(app)
                yield state
        except BaseException as error:
            service.lifecycle.failure = error
            raise
        finally:
            await service.close()

    app.router.lifespan_context = cast(Any, lifespan)
