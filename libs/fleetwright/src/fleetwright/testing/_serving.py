"""serving(app): an httpx2 client on a started app, parts replaced."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from httpx2 import ASGITransport, AsyncClient, Request

from fleetwright._served import asgi_of
from fleetwright._service import Service
from fleetwright._service import service_of as mounted_on
from fleetwright.errors import DeclarationError
from fleetwright.testing._issuer import TESTS, Credentials, trust_tests


@asynccontextmanager
async def serving(
    app: Any,
    *,
    replace: Mapping[Any, object] | None = None,
    broker: object | None = None,
    caller: str | None = TESTS,
    scopes: Iterable[str] | None = None,
) -> AsyncIterator[AsyncClient]:
    """Start an application and hand out a client for it; stop it after the block.

    No sockets are opened. The service's databases are migrated before it starts. An
    error of the application is answered as it would be over a network.

    Args:
        app: What `create_app(settings)` returned: a FastAPI or a Flask application,
            or a `Service` without an API.
        replace: What stands in for which part, by kind.
        broker: What stands in for the service's broker, for example a `FakeBroker`.
        caller: Who the client is: `tests`, who may call everything; the name of a
            service; with `scopes`, a user; None for nobody.
        scopes: What the user's token is good for.

    Yields:
        A client whose relative URLs go to the application.

    Raises:
        DeclarationError: The application is not mounted on a service, or has no part
            of a kind that is to be replaced.
    """
    service = service_of(app)
    for kind, part in (replace or {}).items():
        service.replace(kind, part)
    if broker is not None:
        _replace_broker(service, broker)
    await _migrate(service)
    trust_tests(service)
    shown = Credentials(service, caller, scopes)

    def authenticated(request: Request) -> Request:
        for name, value in shown.headers().items():
            request.headers.setdefault(name, value)
        return request

    transport = ASGITransport(app=asgi_of(app, service), raise_app_exceptions=False)
    client = AsyncClient(
        transport=transport, base_url=f"http://{service.name}", auth=authenticated
    )
    settle = getattr(broker, "settle", None)
    if settle is not None:
        # A test looks at what was published right after the response.
        client.event_hooks = {"response": [lambda response: settle()]}
    deliver_held = getattr(broker, "deliver_held", None)
    if deliver_held is not None:
        client.event_hooks["request"] = [lambda request: deliver_held()]
    ended = getattr(broker, "ended", None)
    async with _running(app, service), client:
        yield client
        if ended is not None:
            await ended()


def service_of(app: Any) -> Service:
    """Return the service an application is mounted on.

    Args:
        app: What `create_app(settings)` returned.

    Returns:
        The service; `app` itself where it is one.

    Raises:
        DeclarationError: It is not mounted on a service.
    """
    found = mounted_on(app)
    if found is None:
        raise DeclarationError(
            f"{type(app).__name__} is not mounted on a service",
            where="serving(app)",
            hint="end create_app with `return mount(app, service)`",
        )
    return found


def _running(app: Any, service: Service) -> AbstractAsyncContextManager[Any]:
    if app is service or hasattr(app, "wsgi_app"):
        return _opened(service)
    lifespan: AbstractAsyncContextManager[Any] = app.router.lifespan_context(app)
    return lifespan


@asynccontextmanager
async def _opened(service: Service) -> AsyncIterator[None]:
    await service.open()
    try:
        yield
    finally:
        await service.close()


def _replace_broker(service: Service, broker: object) -> None:
    """Put the broker in the place of the one that the parts of the service use."""
    users = [part for part in service.parts if hasattr(part, "broker")]
    if not users:
        raise DeclarationError(
            f"{service.name} neither publishes nor hears events",
            where="serving(app, broker=...)",
            hint="leave `broker` out, or add an Outbox or a Consumer to the service",
        )
    used = {id(part.broker) for part in users}
    for part in service.parts:
        if id(part) in used:
            service.replace(type(part), broker)
    for user in users:
        user.broker = broker
    serve = getattr(broker, "serve", None)
    if serve is not None:
        serve(service)


async def _migrate(service: Service) -> None:
    for part in service.parts:
        migrate = getattr(part, "migrate", None)
        if migrate is not None:
            await migrate()
