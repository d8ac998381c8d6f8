"""One call through its pipeline, over the pool of its event loop."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fleetwright import _faults
from fleetwright._address import address
from fleetwright._context import current_call, new_call, to_headers
from fleetwright._portal import Home
from fleetwright._transport import AiohttpTransport, Transport
from fleetwright.auth._shown import shown
from fleetwright.auth._tokens import TokenSource
from fleetwright.errors import Unavailable
from fleetwright.resilience import Attempt, Pipeline
from fleetwright.rest._exchange import answer_of, request_of
from fleetwright.rest._operation import Operation
from fleetwright.rest._pools import Pools


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
        transport: Transport | None,
    ) -> None:
        """Start closed."""
        self.kind = kind
        self.provider = provider
        self.operations = operations
        self._pipeline = pipeline
        self._given = transport
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
        transport = given or AiohttpTransport()
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
        pools = self._pools
        ready = pools.open_on.get(asyncio.get_running_loop())
        transport = await pools.opened() if ready is None else ready
        request = request_of(operation, arguments, self._base_url)
        within = current_call()
        # Outside of a call a trace begins here; there is no caller to name then.
        call = within or new_call(self.provider)

        async def send(attempt: Attempt) -> Any:
            if _faults.plan is not None:
                await _faults.plan.strike(self.provider)
            headers = to_headers(call, span_id=os.urandom(8).hex())
            if within is None:
                del headers["Fleet-Caller"]
            response = await shown(
                self.tokens,
                self.provider,
                transport,
                replace(request, headers={**headers, **request.headers}),
            )
            return answer_of(operation, response, attempt, self.provider)

        key = operation.key
        repeatable = operation.repeatable or (key is not None and bool(arguments[key]))
        try:
            return await self._pipeline.send(send, repeatable=repeatable)
        except Unavailable as error:
            _name(error, self.provider, operation)
            raise


def _name(error: Unavailable, provider: str, operation: Operation) -> None:
    """Complete a failure that was raised below the knowledge of who was called."""
    error.provider = error.provider or provider
    error.where = error.where or operation.where
