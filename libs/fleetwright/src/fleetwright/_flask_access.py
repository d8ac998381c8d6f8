"""The routes of a Flask application with who may call each."""

from typing import Final

from flask import Flask

from fleetwright.auth._access import Access, access_of

# Not declared by the application: Flask's files beside it, and its own description.
_OWN_ENDPOINTS: Final = {
    "static": "flask.app",
    "fleetwright_openapi": "fleetwright.flask",
}


def is_own(endpoint: str, view: object) -> bool:
    """Return whether an endpoint is Flask's or ours, and open without saying so.

    Args:
        endpoint: Its name; an application may take it for a view of its own.
        view: What answers there.
    """
    module = _OWN_ENDPOINTS.get(endpoint)
    if module is None or getattr(view, "__module__", None) != module:
        return False
    return access_of(view) is None


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
        if not is_own(rule.endpoint, app.view_functions[rule.endpoint])
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    }
