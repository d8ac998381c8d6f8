"""Who may call, as the OpenAPI description of an application says it."""

from typing import Any, Final

from fastapi import FastAPI

from fleetwright._fastapi_access import routes_of
from fleetwright._problem_schema import refused
from fleetwright.auth import Access

_SCHEME: Final = "token"
_SECURITY: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An access token for this service (RFC 9068), from the issuer.",
}
_ANSWERS: Final = {
    "401": refused("Nobody is authenticated: `not_authenticated`."),
    "403": refused("It is open to others: `not_allowed`."),
}


def promise_callers(app: FastAPI) -> None:
    """Have the description of an application say who may call each operation.

    A closed operation asks for a token (`security`), names its callers (`x-callers`)
    and promises 401 and 403; what the application promises itself is kept.

    Args:
        app: The application.
    """
    build = app.openapi

    def openapi() -> dict[str, Any]:
        is_new = app.openapi_schema is None
        document = build()
        if is_new:
            _complete(document, routes_of(app))
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: dict[str, Any], routes: dict[str, Access | None]) -> None:
    for name, access in routes.items():
        method, _, path = name.partition(" ")
        operation = document.get("paths", {}).get(path, {}).get(method.lower())
        if operation is None or access is None or access.everyone:
            continue
        components = document.setdefault("components", {})
        components.setdefault("securitySchemes", {})[_SCHEME] = _SECURITY
        asked = [access.scope] if access.scope is not None else []
        operation.setdefault("security", [{_SCHEME: asked}])
        operation["x-callers"] = sorted(access.services)
        for status, answer in _ANSWERS.items():
            operation["responses"].setdefault(status, answer)
