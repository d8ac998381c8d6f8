"""One call through its pipeline, over the pool of its event loop."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from fleetwright import _faults, _spans
from fleetwright._address import address
from fleetwright._context import current_call, new_call, new_span_id, to_headers
from fleetwright._egress import Egress
from fleetwright._portal import Home
from fleetwright._transport import (
    AiohttpTransport,
    Incoming,
    Request,
    Response,
    Transport,
)
from fleetwright.auth._shown import shown
from fleetwright.auth._tokens import TokenSource
from fleetwright.errors import Unavailable
from fleetwright.resilience import Attempt, Pipeline
from fleetwright.rest._exchange import Draft, answer_of, draft_of, failure_of
from fleetwright.rest._operation import Operation
from fleetwright.rest._paging import all_items
from fleetwright.rest._pools import Pools
from fleetwright.rest._streaming import head_of, items
from fleetwright.rest._tracing import measured, traced

T = TypeVar("T")
A = TypeVar("A", Response, Incoming)


class RestPart:
    """What a typed client is made of; the part that a service opens and closes.

    Attributes:
        kind: The Protocol.
        provider: The name of the service that is called.
        operations: What is called, by the names of the methods.
        tokens: What is shown to the provider; the service sets it.
    """

    def __init__(
        self,
        kind: type,
        provider: str,
        operations: Mapping[str, Operation],
        pipeline: Pipeline,
        *,
        transport: Transport | None = None,
        egress: Egress | None = None,
    ) -> None:
        """Start closed."""
        self.kind = kind
        self.provider = provider
        self.operations = operations
        self._pipeline = pipeline
        self._given = transport
        self._egress = egress
        self._base_url = ""
        self._pools = Pools(self._transport)
        self.tokens: TokenSource | None = None

    async def open(self) -> None:
        """Find the provider and open the pool; sync methods call on this loop then.

        Raises:
            SettingsError: Nobody says where the provider answers.
        """
        await self._pools.opened()
        self._pools.home = Home(asyncio.get_running_loop())

    async def _transport(self) -> Transport:
        given = self._given
        self._base_url = (
            address(self.provider) if given is None else f"http://{self.provider}"
        )
        if self._egress is not None and given is None:
            self._egress.check(self._base_url)
        transport = given or AiohttpTransport(egress=self._egress)
        await transport.open()
        return transport

    async def close(self) -> None:
        """Close the pool of this event loop."""
        await self._pools.close()

    @property
    def home(self) -> Home | None:
        """The loop the service opened it on; None while it is closed."""
        return self._pools.home

    def facts(self) -> dict[str, object]:
        """Return what /info shows: who is called, where, and how the guards stand."""
        return {
            "provider": self.provider,
            "url": self._base_url,
            **self._pipeline.facts(),
        }

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
        transport = self._pools.open_on.get(asyncio.get_running_loop())
        if transport is None:
            transport = await self._pools.opened()
        draft = draft_of(operation, arguments, self._base_url)
        return await self._fetched(transport, operation, draft)

    async def pages(
        self, operation: Operation, arguments: Mapping[str, Any]
    ) -> AsyncGenerator[Any, None]:
        """Yield the items of all pages, each page fetched when it is needed.

        Args:
            operation: What is called.
            arguments: Values of all its parameters.

        Yields:
            Items of the declared type.

        Raises:
            Refused: They answered no.
            Unavailable: No answer that counts.
        """
        transport = await self._pools.opened()
        draft = draft_of(operation, arguments, self._base_url)

        def fetch(url: str) -> Awaitable[Any]:
            return self._fetched(transport, operation, draft._replace(url=url))

        found = all_items(operation, draft.url, fetch, self.provider)
        async with aclosing(found) as items_of_pages:
            async for item in items_of_pages:
                yield item

    async def stream(
        self, operation: Operation, arguments: Mapping[str, Any]
    ) -> AsyncGenerator[Any, None]:
        """Yield the items of a streamed answer as they come.

        Args:
            operation: What is called.
            arguments: Values of all its parameters.

        Yields:
            Items of the declared type.

        Raises:
            Refused: They answered no.
            Unavailable: No answer that counts, or the stream was cut.
        """
        transport: Any = await self._pools.opened()
        draft = draft_of(operation, arguments, self._base_url)
        begun: list[Incoming] = []

        async def one_more(request: Request) -> Incoming:
            begun.append(await transport.begin(request))
            return begun[-1]

        async def begin(request: Request, attempt: Attempt) -> Incoming:
            incoming = await self._shown(one_more, request)
            attempt.status = incoming.status
            if not 200 <= incoming.status <= 299:
                body = await head_of(incoming)
                whole = Response(incoming.status, incoming.headers, body)
                raise failure_of(operation, whole, attempt, self.provider)
            return incoming

        try:
            incoming = await self._sent(operation, draft, begin)
            async with aclosing(items(operation, incoming, self.provider)) as found:
                async for item in found:
                    yield item
        finally:
            for one in begun:
                await one.close()

    def _fetched(
        self, transport: Transport, operation: Operation, draft: Draft
    ) -> Awaitable[Any]:
        async def exchange(request: Request, attempt: Attempt) -> Any:
            response = await self._shown(transport.exchange, request)
            attempt.status = response.status
            return answer_of(operation, response, attempt, self.provider)

        return self._sent(operation, draft, exchange)

    async def _sent(
        self,
        operation: Operation,
        draft: Draft,
        receive: Callable[[Request, Attempt], Awaitable[T]],
    ) -> T:
        """Send a request in as many attempts as the pipeline allows."""
        within = current_call()
        # Outside of a call a trace begins here; there is no caller to name then.
        call = within or new_call(self.provider)
        url, own, body, key = draft
        sends = 0

        async def send(attempt: Attempt) -> T:
            nonlocal sends
            sends += 1
            headers: dict[str, str] = {}
            if self._egress is None:
                headers = to_headers(call, span_id=new_span_id())
                if within is None:
                    del headers["Fleet-Caller"]
            headers.update(own)
            request = Request(operation.verb, url, headers, body)
            of = self.provider, operation
            take = receive if _faults.plan is None else self._struck(receive)
            with measured(attempt, *of):
                if _spans.tracer is None:
                    return await take(request, attempt)
                by = _spans.tracer, call
                return await traced(take, request, attempt, by=by, of=of)

        try:
            return await self._pipeline.send(
                send,
                repeatable=operation.repeatable or key is not None,
                reads=operation.verb == "GET",
            )
        except Unavailable as error:
            error.provider = error.provider or self.provider
            error.where = error.where or operation.where
            error.sends = max(error.sends, sends)
            raise

    def _struck(
        self, receive: Callable[[Request, Attempt], Awaitable[T]]
    ) -> Callable[[Request, Attempt], Awaitable[T]]:
        """Do first what the fault plan says: to all, the provider fails so."""

        async def taken(request: Request, attempt: Attempt) -> T:
            if _faults.plan is not None:
                await _faults.plan.strike(self.provider)
            return await receive(request, attempt)

        return taken

    def _shown(
        self, send: Callable[[Request], Awaitable[A]], request: Request
    ) -> Awaitable[A]:
        """Send a request, to a provider of the fleet with the service's token."""
        if self.tokens is None or self._egress is not None:
            return send(request)
        return shown(self.tokens, self.provider, send, request)
