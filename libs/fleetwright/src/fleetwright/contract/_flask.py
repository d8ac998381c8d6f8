"""The OpenAPI document of a Flask application, with what OpenAPI cannot say."""

from typing import Any

from fleetwright._flask_access import routes_of
from fleetwright._flask_promises import openapi_by, path_of
from fleetwright.contract._schemas import FACTS, FactSchema


def described(app: Any) -> dict[str, Any]:
    """Return the document of an application.

    Args:
        app: The application, mounted, with all its routes.

    Returns:
        The document, with the facts at their schemas and all routes in
        `x-fleet-routes`: Flask asks those with fewer variables first, wherever they
        were declared.
    """
    document = openapi_by(app, FactSchema)
    document["x-fleet-facts"] = FACTS
    routes = map(path_of, routes_of(app))
    document["x-fleet-routes"] = sorted(routes, key=lambda it: (it.count("{"), it))
    return document
