"""A Protocol read as operations, and made real: rest()."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from typing_extensions import TypeForm

from fleetwright._egress import Egress
from fleetwright._portal import background, run_in_loop
from fleetwright._transport import Transport
from fleetwright.errors import DeclarationError
from fleetwright.resilience import Pipeline, default_pipeline
from fleetwright.rest._client import RestPart
from fleetwright.rest._operation import MARK, Operation

T = TypeVar("T")


def rest(
    protocol: TypeForm[T],
    *,
    provider: str,
    pipeline: Pipeline | None = None,
    external: Sequence[str] = (),
    transport: Transport | None = None,
) -> T:
    """Return an object that calls a provider as the Protocol declares.

    It is a part of a service; without one it opens at the first call. Methods declared
    with `async def` are awaited. Methods declared with `def` wait in their thread while
    the call is made on the event loop of the service, or on one in the background.

    Args:
        protocol: A Protocol whose methods are all declared by a verb.
        provider: The name of the service that is called; `address()` finds it.
        pipeline: How calls are guarded; `default_pipeline(provider)` when left out.
        external: For a provider outside of the fleet, the origins that may be called,
            as in ("https://api.bank.example",): at public addresses only, without the
            headers of the fleet.
        transport: What carries the requests; for tests. aiohttp when left out.

    Returns:
        The client; its methods raise `Refused` and `Unavailable`.

    Raises:
        DeclarationError: A method of the Protocol is not declared, or what is external
            is not an origin.
    """
    operations = operations_of(protocol)
    guarded = pipeline or default_pipeline(provider)
    kind = cast(type, protocol)
    egress = Egress(external) if external else None
    part = RestPart(
        kind, provider, operations, guarded, transport=transport, egress=egress
    )
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
        DeclarationError: It is not a Protocol, a method is not declared, or some
            methods are async and some are not.
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
    _all_alike(protocol, found)
    return found


def _all_alike(protocol: type, found: Mapping[str, Operation]) -> None:
    """Refuse a Protocol of which some methods are async and some are not."""
    first = next(iter(found.values()))
    for operation in found.values():
        if operation.is_async != first.is_async:
            raise DeclarationError(
                f"{first.name} and {operation.name} are not both async",
                where=f"{protocol.__module__}.{protocol.__qualname__}",
                hint="write `async def` before all methods, or `def` before all;"
                " declare two clients where both are needed",
            )


def _method(part: RestPart, operation: Operation) -> Callable[..., Any]:
    """Return the method that makes the calls of one operation."""
    make = _awaited if operation.is_async else _waiting
    if operation.pages is not None or operation.stream is not None:
        make = _yielding if operation.is_async else _iterated
    made = make(part, operation)
    made.__name__ = operation.name
    made.__qualname__ = f"{operation.owner}.{operation.name}"
    setattr(made, MARK, operation)
    return made


def _awaited(part: RestPart, operation: Operation) -> Callable[..., Any]:
    async def method(self: object, /, *args: Any, **kwargs: Any) -> Any:
        return await part.call(operation, operation.arguments(args, kwargs))

    return method


def _waiting(part: RestPart, operation: Operation) -> Callable[..., Any]:
    what = f"{operation.owner}.{operation.name}()"

    def method(self: object, /, *args: Any, **kwargs: Any) -> Any:
        arguments = operation.arguments(args, kwargs)
        return run_in_loop(
            lambda: part.call(operation, arguments), part.home, what=what
        )

    return method


def _yielding(part: RestPart, operation: Operation) -> Callable[..., Any]:
    yields = part.stream if operation.pages is None else part.pages

    def method(self: object, /, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        return yields(operation, operation.arguments(args, kwargs))

    return method


def _iterated(part: RestPart, operation: Operation) -> Callable[..., Any]:
    what = f"{operation.owner}.{operation.name}()"
    yields: Any = part.stream if operation.pages is None else part.pages

    def method(self: object, /, *args: Any, **kwargs: Any) -> Iterator[Any]:
        return walk(yields(operation, operation.arguments(args, kwargs)))

    def walk(found: Any) -> Iterator[Any]:
        home = part.home or background()
        try:
            while True:
                try:
                    yield run_in_loop(found.__anext__, home, what=what)
                except StopAsyncIteration:
                    return
        finally:
            run_in_loop(found.aclose, home, what=what)

    return method
