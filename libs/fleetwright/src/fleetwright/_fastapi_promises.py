"""What goes for every operation, as a FastAPI application's OpenAPI says it."""

from typing import Any

from fastapi import FastAPI

from fleetwright._fastapi_access import routes_of
from fleetwright._promised_bodies import promise_bodies
from fleetwright._promised_callers import promise_access


def promise_answers(app: FastAPI) -> None:
    """Have the description of an application say what we answer in its place.

    To whom may not call an operation, and to bodies that are not read.

    Args:
        app: The application.
    """
    build = app.openapi

    def openapi() -> dict[str, Any]:
        is_new = app.openapi_schema is None
        document = build()
        if is_new:
            promise_access(document, routes_of(app))
            promise_bodies(document)
        return document

    # As FastAPI's own guide does it.
    app.openapi = openapi  # type: ignore[method-assign]
