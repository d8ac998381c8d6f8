"""The routes of a Flask application with who may call each."""

from typing import Final

from flask import Flask

from fleetwright.auth._access import Access, access_of

# Not declared by the application: Flask's files beside it, and its own description.
OWN_ENDPOINTS: Final = frozenset(("static", "fleetwright_openapi"))


def routes_of(app: Flask) -> dict[str, Access | None]:
    """Return every route of an application with who may call it.

    Args:
        app: The application.

    Returns:
        Routes as `POST /v1/vouchers`, in order of declaration; None for one that does
        not say. Its files and its description are not among them.
    """
    return {
        f"{method} {rule.rule}": access_of(app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in OWN_ENDPOINTS
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    }
