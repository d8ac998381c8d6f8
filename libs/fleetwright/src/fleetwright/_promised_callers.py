"""Who may call, as the OpenAPI description of an API says it."""

from collections.abc import Mapping
from typing import Any, Final

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


def promise_access(
    document: dict[str, Any], routes: Mapping[str, Access | None]
) -> None:
    """Have a description say who may call each operation.

    A closed operation asks for a token (`security`), names its callers (`x-callers`)
    and what a person must be (`x-role`), and promises 401 and 403; what it promises
    already is kept.

    Args:
        document: The description; it is changed.
        routes: Who may call what, by names as `POST /v1/orders`.
    """
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
        if access.role is not None:
            operation["x-role"] = access.role
        for status, answer in _ANSWERS.items():
            operation["responses"].setdefault(status, answer)
