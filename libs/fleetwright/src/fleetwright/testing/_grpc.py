"""calling(app, StockStub): a guarded stub on a running service, as anyone."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

from fleetwright.grpc import RpcServer, StubPart, stub
from fleetwright.resilience import Pipeline, Retry, Timeout
from fleetwright.testing._issuer import TESTS, Credentials
from fleetwright.testing._serving import service_of

T = TypeVar("T")
# What is tested is the answer, not how busy the machine is that runs the tests.
_TOTAL_SECONDS = 60.0
_ATTEMPT_SECONDS = 30.0


@asynccontextmanager
async def calling(
    app: Any,
    kind: type[T],
    *,
    caller: str | None = TESTS,
    scopes: Iterable[str] | None = None,
    pipeline: Pipeline | None = None,
) -> AsyncIterator[T]:
    """Hand out a stub that calls a running service, over a real connection.

    Within `serving(app)`; the service should be given `grpc_port=0`.

    Args:
        app: What `create_app(settings)` returned.
        kind: The stub's class, as generated.
        caller: Who calls: `tests`, who may call everything; the name of a service;
            with `scopes`, a user; None for nobody.
        scopes: What the user's token is good for.
        pipeline: How calls are guarded; as usual when left out, only that a minute is
            waited: how long a provider may take is not what its own tests ask.

    Yields:
        The stub.
    """
    service = service_of(app)
    port = service.find(RpcServer).port
    patient = Timeout(_TOTAL_SECONDS), Retry(), Timeout(_ATTEMPT_SECONDS)
    made = stub(
        kind,
        provider=service.name,
        url=f"http://{service.settings.host}:{port}",
        pipeline=pipeline or Pipeline(service.name, *patient),
    )
    part = cast(StubPart, cast(Any, made).__part__)
    if caller is not None and service.gate.identifies:
        part.tokens = _Shown(Credentials(service, caller, scopes))
    try:
        yield made
    finally:
        await part.close()


class _Shown:
    """What a client under test shows, as a source of tokens."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def token(self, audience: str) -> str:
        return self._credentials.headers()["Authorization"].removeprefix("Bearer ")

    def forget(self, audience: str, token: str) -> None:
        """Keep it: a test wants to see it refused."""

    async def close(self) -> None:
        """Hold nothing."""
