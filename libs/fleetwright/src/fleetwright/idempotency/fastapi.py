"""The key of a FastAPI handler: `key: Idempotent`, and what OpenAPI says of it."""

from typing import Annotated

from fastapi import Depends, Request

from fleetwright.idempotency._key import HEADER, AsyncIdempotencyKey
from fleetwright.idempotency._openapi import KEY_PARAMETER, REPLAYED

__all__ = ["KEY_PARAMETER", "REPLAYED", "Idempotent"]


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
