"""The routes of a FastAPI application with who may call each, and the guard at each."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute, Match, Mount, Route

from fleetwright._service import Service
from fleetwright.auth._access import Access, access_of
from fleetwright.errors import DeclarationError

_GUARDED: Final = "fleetwright_guarded"
_OWN_PAGES: Final = (
    "fastapi.applications"  # /docs and /openapi.json are closed elsewhere
)
Scope = MutableMapping[str, Any]
Handle = Callable[[Scope, Any, Any], Awaitable[None]]


def routes_of(app: FastAPI) -> dict[str, Access | None]:
    """Return every route of an application with who may call it.

    Args:
        app: The application.

    Returns:
        Routes as `POST /v1/orders`, in order of declaration; None for one that does
        not say. FastAPI's own pages, /docs and the like, are not among them.
    """
    found: dict[str, Access | None] = {}
    for context in iter_route_contexts(app.routes):
        if _is_fastapis_own(context.original_route):
            continue
        is_operation = isinstance(context.original_route, APIRoute)
        path = (context.path_format if is_operation else context.path) or "/"
        methods = sorted(context.methods or ()) or [_kind(context.original_route)]
        for method in methods:
            if method != "HEAD" or len(methods) == 1:
                found[f"{method} {path}"] = _access(context.original_route)
    # `frontend()` serves files past the routes and cannot say who may ask for them.
    for number, _ in enumerate(app.router._iter_low_priority_routes(), 1):
        found[f"FRONTEND {number} (mount public(StaticFiles(...)) instead)"] = None
    return found


def methods_at(app: FastAPI, scope: Scope) -> set[str]:
    """Return the methods of all routes that a path fits.

    Args:
        app: The application.
        scope: What was asked for, whatever the method.
    """
    found: set[str] = set()
    for context in iter_route_contexts(app.routes):
        if context.methods and context.matches(scope)[0] is not Match.NONE:
            found |= context.methods
    return found


def guard(app: FastAPI) -> None:
    """Stand at every route that is not public.

    Safe to call again: a router that several applications include is guarded once,
    and asks the gate of the service the request came in to.

    Args:
        app: The application, with all its routes.

    Raises:
        DeclarationError: A route that is not public is of a kind we cannot guard.
    """
    own = {id(route) for route in app.routes}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        access = _access(route)
        # The gate does not open while a route says nothing.
        if access is None or access.everyone or _GUARDED in vars(route):
            continue
        # FastAPI makes other kinds anew where a router is included.
        if isinstance(route, APIRoute) or (
            isinstance(route, Route | Mount) and id(route) in own
        ):
            setattr(route, _GUARDED, True)
            # FastAPI declares a method there, and mypy lets nobody set one.
            setattr(route, "handle", _guarded(route.handle, access))  # noqa: B010
        else:
            raise DeclarationError(
                f"{_kind(route)} {context.path} cannot ask who calls",
                where=f"declared for {access}",
                hint="declare it @public, or make it a route of HTTP on the app itself",
            )


def _guarded(handle: Handle, access: Access) -> Handle:
    """Return a route's handling that begins with the question who calls."""

    async def handle_allowed(scope: Scope, receive: Any, send: Any) -> None:
        service: Service = scope["fleetwright"]
        service.gate.require(access)
        await handle(scope, receive, send)

    return handle_allowed


def _access(route: BaseRoute) -> Access | None:
    return access_of(getattr(route, "endpoint", None) or getattr(route, "app", None))


def _is_fastapis_own(route: BaseRoute) -> bool:
    endpoint = getattr(route, "endpoint", None)
    return getattr(endpoint, "__module__", None) == _OWN_PAGES


def _kind(route: BaseRoute) -> str:
    return type(route).__name__.removeprefix("API").removesuffix("Route").upper()
