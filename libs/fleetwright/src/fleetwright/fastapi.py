"""FastAPI: mount(app, service), Uses(kind), and refusals as OpenAPI promises them."""

import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Annotated, Any, cast

from fleetwright._asgi import FleetMiddleware
from fleetwright._context import current_call
from fleetwright._principal import Principal
from fleetwright._problem import (
    MEDIA_TYPE,
    Answered,
    Problem,
    invalid_request,
    phrase,
    problem_of,
)
from fleetwright._problem_schema import INVALID_REQUEST, ProblemDocument, refused
from fleetwright._service import Service
from fleetwright.auth._gate import not_authenticated
from fleetwright.errors import DeclarationError, Refused, Unavailable

try:
    from fastapi import Depends, FastAPI
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"fleetwright.fastapi needs {error.name}\n"
        "hint: add `fleetwright[fastapi]` to requirements.in and run `fleet lock`",
        name=error.name,
    ) from None

from fleetwright._fastapi_access import guard, routes_of

__all__ = ["INVALID_REQUEST", "Caller", "ProblemDocument", "Uses", "mount", "refused"]


def mount(app: FastAPI, service: Service) -> FastAPI:
    """Put a FastAPI application on a service.

    The service's parts open and close with the application. Every request gets a call
    id, a deadline, one log line and problems for errors; `/livez`, `/readyz` and
    `/info` are answered. A route asks who calls before it reads anything, unless it is
    `@public`. FastAPI's own telemetry is switched off.

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
    _live_with(app, service)
    _answer_with_problems(app)
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


_ANYONE = Principal("anyone", "service")  # with AUTH=off everybody is trusted


async def _caller(connection: HTTPConnection) -> Principal:
    call = current_call()
    if call is not None and call.principal is not None:
        return call.principal
    service: Service = connection.scope["fleetwright"]
    if service.gate.is_off:
        return _ANYONE
    raise not_authenticated()


Caller = Annotated[Principal, Depends(_caller)]
"""Who calls, for a handler that wants to know: `caller: Caller`."""


def _live_with(app: FastAPI, service: Service) -> None:
    """Open the parts before the application's own start, close them after its end."""
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(running: Any) -> AsyncIterator[Mapping[str, Any] | None]:
        guard(app)
        await service.open()
        try:
            async with inner(running) as state:
                yield state
        except BaseException as error:
            service.lifecycle.failure = error
            raise
        finally:
            await service.close()

    app.router.lifespan_context = cast(Any, lifespan)


def _answer_with_problems(app: FastAPI) -> None:
    """Answer errors with problems; handlers of the application's own are kept."""
    ours: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
        Problem: _on_error,
        Answered: _on_answered,
        Unavailable: _on_error,
        Refused: _on_error,
        HTTPException: _on_http_exception,
        RequestValidationError: _on_invalid_request,
        Exception: _on_error,
    }
    defaults = FastAPI(openapi_url=None).exception_handlers
    for kind, answer in ours.items():
        if app.exception_handlers.get(kind) is defaults.get(kind):
            app.exception_handlers[kind] = answer


def _response(problem: Problem) -> Response:
    call = current_call()
    body = problem.body(call.trace_id if call is not None else None)
    return Response(body, problem.status, problem.headers, MEDIA_TYPE)


async def _on_answered(request: Request, error: Answered) -> Response:
    return Response(error.body, error.status, error.headers, error.media_type)


async def _on_error(request: Request, error: Exception) -> Response:
    return _response(problem_of(error))


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    if error.status_code < 200 or error.status_code in (204, 304):
        return Response(status_code=error.status_code, headers=error.headers)
    title = phrase(error.status_code)
    problem = Problem(error.status_code, title, headers=error.headers)
    told: Any = error.detail  # Starlette says text, FastAPI lets any JSON in
    if not isinstance(told, str):
        problem.extensions["errors"] = told
    elif told != title:
        problem.detail = told
    return _response(problem)


async def _on_invalid_request(
    request: Request, error: RequestValidationError
) -> Response:
    return _response(invalid_request(error.errors()))
