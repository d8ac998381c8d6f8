"""The key of a Flask handler: `idempotency_key()`."""

from flask import request

from fleetwright.idempotency._key import HEADER, IdempotencyKey
from fleetwright.idempotency._openapi import KEY_PARAMETER

__all__ = ["KEY_PARAMETER", "idempotency_key"]


def idempotency_key() -> IdempotencyKey:
    """Return the key of the request being answered.

    Returns:
        The key, for the handler's own transaction.

    Raises:
        Problem: 400, the key is missing or is not 1 to 255 printable characters.
    """
    route = request.url_rule.rule if request.url_rule is not None else request.path
    query = request.query_string.decode("latin-1")
    return IdempotencyKey.of(
        request.headers.get(HEADER),
        route=f"{request.method} {route}",
        method=request.method,
        path=f"{request.path}?{query}" if query else request.path,
        body=request.get_data(),
    )
