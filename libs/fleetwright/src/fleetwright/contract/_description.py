"""A service to its three contracts: its API, its events, what it needs of others."""

import json
import sys
from collections.abc import Iterator
from typing import Any

from fleetwright._service import Service
from fleetwright.contract._needs import needs


def describe(
    app: object, service: Service, *, package: str | None = None
) -> dict[str, Any]:
    """Return what a service promises and needs.

    Rules written in Python are tried on a few values, and so is the answer to a request
    that cannot be read: both run the service's own code.

    Args:
        app: What its `create_app` returned.
        service: The service; it need not be open.
        package: The service's own import package; that of its settings when None.

    Returns:
        JSON-ready values: `openapi`, `asyncapi` and `needs`, each None where there is
        nothing to say.

    Raises:
        DeclarationError: Two different events of one topic and version are sent.
    """
    return {
        "openapi": _openapi(app),
        "asyncapi": _asyncapi(service, package),
        "needs": needs(service),
    }


def canonical(document: Any) -> str:
    """Return a document as the text that is kept: sorted, the same on every machine.

    Args:
        document: JSON-ready values.
    """
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _openapi(app: object) -> dict[str, Any] | None:
    """Return the document of an API; None where only people with a browser come."""
    document: dict[str, Any] = {"paths": {}}
    if _is_a(app, "fastapi", "FastAPI"):
        from fleetwright.contract._fastapi import described as of_fastapi

        document = of_fastapi(app)
    elif _is_a(app, "flask", "Flask"):
        from fleetwright.contract._flask import described as of_flask

        document = of_flask(app)
    is_api = document.get("webhooks") or any(
        map(_is_for_programs, _operations(document))
    )
    return document if is_api else None


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from (one for one in path.values() if "responses" in one)


def _is_for_programs(operation: dict[str, Any]) -> bool:
    """Return whether what an operation answers is data, or nothing at all."""
    answers = {
        status: one.get("content", {})
        for status, one in operation["responses"].items()
        if status.startswith("2")
    }
    return any(
        not content or any("json" in kind for kind in content)
        for content in answers.values()
    )


def _asyncapi(service: Service, package: str | None) -> dict[str, Any] | None:
    """Return the document of the events; None for a service without any."""
    if "fleetwright.events" not in sys.modules:
        return None
    from fleetwright.events._asyncapi import document

    found = document(service, package=package)
    return found if found["channels"] else None


def _is_a(app: object, module: str, name: str) -> bool:
    """Return whether something is an application of a framework, if that is loaded."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(app, kind)
