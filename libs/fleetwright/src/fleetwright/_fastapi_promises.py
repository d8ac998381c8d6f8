"""Who may call, as the OpenAPI description of a FastAPI application says it."""

from typing import Any

from fastapi import FastAPI

from fleetwright._fastapi_access import routes_of
from fleetwright._promised_callers import promise_access


def promise_callers(app: FastAPI) -> None:
    """Have the description of an application say who may call each operation.

    Args:
        app: The application.
    """
    build = app.openapi

    def openapi() -> dict[str, Any]:
        is_new = app.openapi_schema is None
        document = build()
        if is_new:
            promise_access(document, routes_of(app))
        return document

    # As FastAPI's own guide does it.
    app.openapi = openapi  # type: ignore[method-assign]
