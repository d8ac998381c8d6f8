"""FakeProvider: stands in for a provider, and cannot answer outside its contract."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from pydantic_core import to_jsonable_python
from typing_extensions import TypeForm

from fleetwright.resilience import Pipeline, Retry, Timeout
from fleetwright.rest import Request, Response, operations_of, rest
from fleetwright_contracts._load import load
from fleetwright_contracts.testing._contract import Asked, Contract, ContractBroken

T = TypeVar("T")
_UNREADABLE = 422
_SECONDS = 30.0


@dataclass(slots=True)
class _Script:
    """One way in which an operation is answered.

    Attributes:
        status: With which status; the operation's own good one when None.
        value: What the answer holds at least, or a function of the request.
        left: How many times; None for always.
        hangs: Whether it is never answered.
    """

    status: int | None
    value: Any
    left: int | None
    hangs: bool = False


class FakeProvider(Generic[T]):
    """A provider of which only the contract is there.

    It answers what the contract allows, fields that a test leaves out included. A
    request that the contract refuses is answered with 422 where the client handles
    that, and fails the test otherwise: leave the block, or call `verify`.

    `with FakeProvider(Catalog, "services/catalog/contracts/openapi.json") as catalog:`

    Attributes:
        client: What the service calls: `replace={Catalog: catalog.client}`.
        calls: The methods that were called, in order, attempts included.
        asked: The requests, in order.
        broken: What the contract refused.
    """

    def __init__(
        self,
        kind: TypeForm[T],
        contract: str | Path,
        *,
        provider: str | None = None,
        pipeline: Pipeline | None = None,
    ) -> None:
        """Stand in for a provider.

        Args:
            kind: The Protocol of the typed client.
            contract: The provider's OpenAPI document, from here or any folder above.
            provider: Its name in errors; that of the Protocol when None.
            pipeline: How calls are guarded; retries within 30 s when None.

        Raises:
            ContractError: There is no such document.
            ContractBroken: The client calls what the contract does not have.
        """
        named = cast(type, kind)
        self._contract = Contract(load(_found(Path(contract))))
        self._operations = operations_of(kind)
        self._scripts: dict[str, list[_Script]] = {}
        self.calls: list[str] = []
        self.asked: list[Asked] = []
        self.broken: list[str] = []
        for operation in self._operations.values():
            if self._contract.operation(operation.verb, operation.path) is None:
                raise ContractBroken(f"{operation.where} is not in {contract}")
        name = provider or named.__name__.lower()
        # Generous: a machine that has much to do fails no test.
        calm = Pipeline(name, Timeout(_SECONDS), Retry())
        self.client: T = rest(
            kind, provider=name, pipeline=pipeline or calm, transport=_Wire(self)
        )

    def __enter__(self) -> Self:
        """Return the provider."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Fail where the consumer sent what the contract refuses."""
        if error is None:
            self.verify()

    def verify(self) -> None:
        """Fail where the consumer sent what the contract refuses.

        Raises:
            ContractBroken: It did.
        """
        if self.broken:
            raise ContractBroken("\n".join(self.broken))

    def answers(
        self,
        method: Callable[..., Any],
        value: Any = None,
        *,
        status: int | None = None,
        times: int | None = None,
    ) -> None:
        """Decide what is answered from now on.

        Args:
            method: Of the Protocol: `Catalog.quotes`.
            value: What the answer holds at least: a model, or JSON-ready values; what
                the contract requires beside is made up. Or a function of the request.
            status: With which status; the operation's own good one when None.
            times: How many times, before it is as it was; None for always.

        Raises:
            ContractBroken: The contract does not allow that.
        """
        operation = self._operations[method.__name__]
        if not callable(value):
            self._made(operation, status, value)
        self._script(operation.name, _Script(status, value, times))

    def hangs(self, method: Callable[..., Any], *, times: int | None = None) -> None:
        """Answer never from now on.

        Args:
            method: Of the Protocol.
            times: How many times, before it is as it was; None for always.
        """
        self._script(method.__name__, _Script(None, None, times, hangs=True))

    def _script(self, name: str, script: _Script) -> None:
        scripts = self._scripts.setdefault(name, [])
        if script.left is None:
            scripts.clear()
        scripts.append(script)

    def _made(self, operation: Any, status: int | None, value: Any) -> Response:
        """Return an answer of an operation."""
        described = self._contract.operation(operation.verb, operation.path)
        if described is None:
            raise ContractBroken(f"{operation.where} is not in the contract")
        some = to_jsonable_python(value, by_alias=True)
        code, media_type, document = self._contract.answer(described, status, some)
        body = b"" if document is None else json.dumps(document).encode()
        headers = {"content-type": media_type} if body else {}
        return Response(code, headers, body)

    async def _exchange(self, request: Request) -> Response:
        """Answer a request, or refuse it as the contract does."""
        asked = self._contract.asked(
            request.method, request.url, request.headers, request.body
        )
        operation = self._operation(asked)
        self.calls.append(operation.name)
        self.asked.append(asked)
        wrong = [f"{operation.where}: {why}" for why in self._contract.refusals(asked)]
        if wrong:
            if _UNREADABLE in operation.refusals:
                return self._made(operation, _UNREADABLE, None)
            self.broken += wrong
            raise ContractBroken("\n".join(wrong))
        script = self._next(operation)
        if script.hangs:
            await asyncio.Event().wait()
        value = script.value(asked) if callable(script.value) else script.value
        return self._made(operation, script.status, value)

    def _operation(self, asked: Asked) -> Any:
        """Return the method of the client that makes such requests."""
        for operation in self._operations.values():
            found = self._contract.operation(operation.verb, operation.path)
            if found is not None and found.name == asked.operation:
                return operation
        raise ContractBroken(f"no method of the client asks {asked.operation}")

    def _next(self, operation: Any) -> _Script:
        """Return how an operation is answered now: the newest way that is left."""
        scripts = self._scripts.get(operation.name, [])
        while scripts and scripts[-1].left == 0:
            scripts.pop()
        if not scripts:
            return _Script(None, None, None)
        script = scripts[-1]
        if script.left is not None:
            script.left -= 1
        return script


class _Wire:
    """Carries the client's requests to the provider."""

    def __init__(self, provider: "FakeProvider[Any]") -> None:
        self._provider = provider

    async def open(self) -> None:
        """Get ready to carry requests."""

    async def close(self) -> None:
        """Carry no more."""

    async def exchange(self, request: Request) -> Response:
        """Send a request and return its response."""
        return await self._provider._exchange(request)

    async def begin(self, request: Request) -> Any:
        """Refuse to stream: a contract says nothing about the pieces of an answer."""
        raise ContractBroken(f"{request.url} is streamed, and has no contract")


def _found(contract: Path) -> Path:
    """Return where a document is: from here, or from a folder above."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / contract).is_file():
            return folder / contract
    return contract
