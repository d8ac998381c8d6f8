"""The key of a FastAPI handler: `key: Idempotent`, and what OpenAPI says of it."""

from typing import Annotated, Any

from fastapi import Depends, Request

from fleetwright.idempotency._key import HEADER, PATTERN, AsyncIdempotencyKey

__all__ = ["KEY_PARAMETER", "REPLAYED", "Idempotent"]

# Declared by hand: FastAPI would answer a missing required header with 422, and the
# answer to a missing key is 400.
KEY_PARAMETER: dict[str, Any] = {
    "parameters": [
        {
            "name": HEADER,
            "in": "header",
            "required": True,
            "description": "Names this request: a repetition with the same key is "
            "answered like the first and does nothing.",
            "schema": {"type": "string", "pattern": f"^{PATTERN}$"},
        }
    ]
}

# For `responses` of the status a repetition is answered with.
REPLAYED: dict[str, Any] = {
    "headers": {
        "Idempotency-Replayed": {
            "description": "`true` when the request was made before: this is what was "
            "answered then, and nothing was done now.",
            "schema": {"type": "string"},
        }
    }
}


async def _key(request: Request) -> AsyncIdempotencyKey:
    scope = request.scope
    context = scope.get("fastapi", {}).get("effective_route_context")
    route = getattr(context or scope.get("route"), "path_format", scope["path"])
    query = scope.get("query_string", b"").decode("latin-1")
    return AsyncIdempotencyKey.of(
        request.headers.get(HEADER),
        route=f"{request.method} {route}",
        method=request.method,
        path=f"{scope['path']}?{query}" if query else scope["path"],
        body=await request.body(),
    )


Idempotent = Annotated[AsyncIdempotencyKey, Depends(_key)]
