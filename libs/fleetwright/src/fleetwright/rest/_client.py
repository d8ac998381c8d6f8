"""A Protocol made real: exchange, inside a pipeline, over one connection pool."""

import asyncio
import inspect
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

from typing_extensions import TypeForm

from fleetwright._address import address
from fleetwright._context import current_call, new_call, to_headers
from fleetwright._transport import AiohttpTransport, Request, Transport
from fleetwright.errors import DeclarationError, Unavailable
from fleetwright.resilience import Attempt, Pipeline, Retry, Timeout
from fleetwright.rest._exchange import answer_of, request_of
from fleetwright.rest._operation import MARK, Operation

T = TypeVar("T")
_TOTAL_SECONDS = 2.0
_ATTEMPT_SECONDS = 1.0


def rest(
    protocol: TypeForm[T],
    *,
    provider: str,
    pipeline: Pipeline | None = None,
    transport: Transport | None = None,
) -> T:
    """Return an object that calls a provider as the Protocol declares.

    It is a part of a service; without one it opens at the first call.

    Args:
        protocol: A Protocol whose methods are all declared by a verb.
        provider: The name of the service that is called; `address()` finds it.
        pipeline: How calls are guarded; 2 s for a call, three attempts of at most 1 s
            when left out.
        transport: What carries the requests; for tests. aiohttp when left out.

    Returns:
        The client; its methods raise `Refused` and `Unavailable`.

    Raises:
        DeclarationError: A method of the Protocol is not declared.
    """
    operations = operations_of(protocol)
    guarded = pipeline or Pipeline(
        provider, Timeout(_TOTAL_SECONDS), Retry(), Timeout(_ATTEMPT_SECONDS)
    )
    kind = cast(type, protocol)
    part = RestPart(kind, provider, operations, guarded, transport)
    members: dict[str, Any] = {
        name: _method(part, operation) for name, operation in operations.items()
    }
    members["__part__"] = part
    members["__repr__"] = lambda self: f"<{kind.__name__} of {provider!r}>"
    made = type(kind.__name__, (), members)
    return cast(T, made())


def operations_of(protocol: object) -> dict[str, Operation]:
    """Return what a Protocol declares, as data.

    Args:
        protocol: A Protocol whose methods are all declared by a verb.

    Returns:
        Operations by the names of their methods, in order of declaration.

    Raises:
        DeclarationError: It is not a Protocol, or a method is not declared.
    """
    if not (isinstance(protocol, type) and getattr(protocol, "_is_protocol", False)):
        raise DeclarationError(
            f"{protocol!r} is not a Protocol",
            where="rest(protocol, provider=...)",
            hint="declare the client as `class Catalog(Protocol)`",
        )
    found: dict[str, Operation] = {}
    for kind in reversed(protocol.__mro__):
        if not getattr(kind, "_is_protocol", False):
            continue
        for name, member in vars(kind).items():
            if name.startswith("_") or not inspect.isfunction(member):
                continue
            operation = getattr(member, MARK, None)
            if operation is None:
                raise DeclarationError(
                    f"{name} has no verb",
                    where=f"{kind.__name__}.{name}",
                    hint='declare it, for example @get("/v1/things/{thing_id}")',
                )
            found[name] = operation
    if not found:
        raise DeclarationError(
            f"{protocol.__name__} declares no calls",
            where="rest(protocol, provider=...)",
            hint='add a method with a verb, for example @get("/v1/things")',
        )
    return found


class RestPart:
    """What a typed client is made of; the part that a service opens and closes.

    Attributes:
        kind: The Protocol.
        provider: The name of the service that is called.
        operations: What is called, by the names of the methods.
    """

    def __init__(
        self,
        kind: type,
        provider: str,
        operations: Mapping[str, Operation],
        pipeline: Pipeline,
        transport: Transport | None,
    ) -> None:
        """Start closed."""
        self.kind = kind
        self.provider = provider
        self.operations = operations
        self._pipeline = pipeline
        self._given = transport
        self._transport: Transport | None = None
        self._base_url = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Find the provider and open the pool.

        Raises:
            SettingsError: Nobody says where the provider answers.
        """
        await self._opened()

    async def _ready(self) -> Transport:
        given = self._given
        self._base_url = (
            address(self.provider) if given is None else f"http://{self.provider}"
        )
        transport = given or AiohttpTransport()
        await transport.open()
        return transport

    async def close(self) -> None:
        """Close the pool."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()

    def facts(self) -> dict[str, object]:
        """Return what /info shows: who is called and where."""
        return {"provider": self.provider, "url": self._base_url}

    async def call(self, operation: Operation, arguments: Mapping[str, Any]) -> Any:
        """Make one call.

        Args:
            operation: What is called.
            arguments: Values of all its parameters.

        Returns:
            The answer, of the type the operation declares.

        Raises:
            Refused: They answered no.
            Unavailable: No answer that counts.
        """
        transport = self._transport
        if transport is None or self._loop is not asyncio.get_running_loop():
            transport = await self._opened()
        request = request_of(operation, arguments, self._base_url)
        within = current_call()
        # Outside of a call a trace begins here; there is no caller to name then.
        call = within or new_call(self.provider)

        async def send(attempt: Attempt) -> Any:
            headers = to_headers(call, span_id=os.urandom(8).hex())
            if within is None:
                del headers["Fleet-Caller"]
            response = await transport.exchange(
                replace(request, headers={**headers, **request.headers})
            )
            return answer_of(operation, response, attempt, self.provider)

        key = operation.key
        repeatable = operation.repeatable or (key is not None and bool(arguments[key]))
        try:
            return await self._pipeline.send(send, repeatable=repeatable)
        except Unavailable as error:
            _name(error, self.provider, operation)
            raise

    async def _opened(self) -> Transport:
        """Return the pool of this event loop, opened now if need be."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # That loop is gone, and its connections with it.
            self._loop, self._transport, self._turn = loop, None, asyncio.Lock()
        async with self._turn:
            if self._transport is None:
                self._transport = await self._ready()
        return self._transport


def _name(error: Unavailable, provider: str, operation: Operation) -> None:
    """Complete a failure that was raised below the knowledge of who was called."""
    error.provider = error.provider or provider
    error.where = error.where or operation.where


def _method(
    part: RestPart, operation: Operation
) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return the method that makes the calls of one operation."""

    async def method(self: object, /, *args: Any, **kwargs: Any) -> Any:
        bound = operation.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return await part.call(operation, bound.arguments)

    method.__name__ = operation.name
    method.__qualname__ = f"{operation.owner}.{operation.name}"
    setattr(method, MARK, operation)
    return method


__all__ = ["Request", "RestPart", "operations_of", "rest"]
