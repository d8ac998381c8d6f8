"""What is served: any application of a service, as one ASGI application."""

from typing import Any

from fleetwright._service import Service
from fleetwright._threads import Threads
from fleetwright._worker import WorkerApp
from fleetwright._wsgi_bridge import WsgiBridge


def asgi_of(app: Any, service: Service) -> Any:
    """Return what a server runs: an ASGI application with a life.

    Args:
        app: An ASGI application, a Flask application, or the service itself when it
            has no API.
        service: The service; it has not started.

    Returns:
        The ASGI application. For a Flask application threads become a part of the
        service, as many as calls may be in flight.
    """
    if app is service:
        return WorkerApp(service)
    if not hasattr(app, "wsgi_app"):
        return app
    threads = service.add(Threads(service.settings.max_in_flight))
    longest = app.config["MAX_CONTENT_LENGTH"]
    return WorkerApp(service, WsgiBridge(app, threads, max_body_bytes=longest))
