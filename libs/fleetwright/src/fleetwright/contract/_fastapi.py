"""The OpenAPI document of a FastAPI application, with what OpenAPI cannot say."""

import contextlib
import copy
import importlib
from collections.abc import Iterator
from typing import Any

from fleetwright._fastapi_access import routes_of
from fleetwright.contract._answers import lean_answers
from fleetwright.contract._invalid import invalid_request_of
from fleetwright.contract._schemas import FACTS, FactSchema


def described(app: Any) -> dict[str, Any]:
    """Return the document of an application.

    Args:
        app: The application, with all its routes.

    Returns:
        The document, with the facts at their schemas, all routes in their order in
        `x-fleet-routes`, and in `x-fleet-invalid-request` what is answered to a
        request that cannot be read.
    """
    kept, app.openapi_schema = app.openapi_schema, None
    try:
        with _telling():
            document: dict[str, Any] = copy.deepcopy(app.openapi())
    finally:
        app.openapi_schema = kept
    lean_answers(app, document)
    document["x-fleet-facts"] = FACTS
    document["x-fleet-routes"] = list(routes_of(app))
    answer = invalid_request_of(app)
    if answer is not None:
        document["x-fleet-invalid-request"] = answer
    return document


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    """Have FastAPI write schemas with their facts.

    It makes its writer of schemas itself and can be given none.
    """
    module: Any = importlib.import_module("fastapi._compat.v2")
    usual = module.GenerateJsonSchema
    module.GenerateJsonSchema = type("FastApiFacts", (FactSchema, usual), {})
    try:
        yield
    finally:
        module.GenerateJsonSchema = usual
