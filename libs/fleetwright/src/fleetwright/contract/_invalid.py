"""What a FastAPI application answers to a request that cannot be read, tried out."""

import asyncio
import inspect
import json
from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

_SECONDS = 5.0
_WRONG = {
    "type": "missing",
    "loc": ("body", "field"),
    "msg": "Field required",
    "input": None,
}
_SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/",
    "query_string": b"",
    "headers": [(b"content-type", b"application/json")],
}


def invalid_request_of(app: Any) -> dict[str, Any] | None:
    """Return what is answered to a request that cannot be read.

    OpenAPI documents of FastAPI promise its own answer, whatever the application has
    put in its place.

    Args:
        app: The application.

    Returns:
        A response as OpenAPI describes one, its status in `x-fleet-status`; None where
        nobody answers, or who does wants a real request.
    """
    answer = app.exception_handlers.get(RequestValidationError)
    if answer is None:
        return None
    request = Request({**_SCOPE, "app": app})
    error = RequestValidationError([_WRONG], body={})
    try:
        response = asyncio.run(_answered(answer, request, error))
        body = json.loads(bytes(response.body))
    except Exception:
        return None  # it is the service's own code
    media_type = response.headers.get("content-type", "").partition(";")[0]
    return {
        "description": "The request cannot be read.",
        "x-fleet-status": response.status_code,
        "content": {media_type: {"schema": _schema_of(body)}},
    }


async def _answered(answer: Any, request: Request, error: Exception) -> Any:
    made = answer(request, error)
    if inspect.isawaitable(made):
        async with asyncio.timeout(_SECONDS):
            return await made
    return made


def _schema_of(value: Any) -> dict[str, Any]:
    """Return the schema of values that look like one."""
    if isinstance(value, Mapping):
        properties = {name: _schema_of(one) for name, one in value.items()}
        return {
            "type": "object",
            "properties": properties,
            "required": sorted(properties),
        }
    if isinstance(value, list):
        items = _schema_of(value[0]) if value else {}
        return {"type": "array", "items": items}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int | float):
        return {"type": "number"}
    return {"type": "string"} if isinstance(value, str) else {}
