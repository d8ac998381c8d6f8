"""What proves who asks, fetched anew before it is too old."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from fleetwright_cli.contracts import frozen
from fleetwright_cli.drills._stage import token
from fleetwright_cli.fleet import Fleet
from fleetwright_cli.local._identity import Identity

FRESH_SECONDS = 60.0


class Tokens:
    """A person's tokens for services, good for all that their contracts ask for."""

    def __init__(
        self,
        fleet: Fleet,
        identity: Identity | None,
        names: Mapping[str, str],
        roles: Sequence[str],
        scopes: Mapping[str, set[str]],
    ) -> None:
        """Hold no tokens yet.

        Args:
            fleet: The fleet on disk.
            identity: Who issues them; None where nobody asks for any.
            names: The services, by what they are called in requests.
            roles: What the person is.
            scopes: What services ask for beside their contracts of HTTP.
        """
        contracts = frozen(fleet.services[name] for name in names.values())
        self._scopes = {
            called: {
                *_scopes(contracts[name].get("openapi")),
                *scopes.get(called, ()),
            }
            for called, name in names.items()
        }
        self._identity = identity
        self._names = names
        self._roles = roles
        self._held: dict[str, str] = {}

    def of(self, called: str) -> str:
        """Return the token for a service; empty where there is none.

        Args:
            called: What it is called in requests.
        """
        return self._held.get(called, "")

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        """Have tokens inside the block."""
        await self._fetch()
        fetching = asyncio.create_task(self._go_on())
        try:
            yield
        finally:
            fetching.cancel()
            await asyncio.wait((fetching,))

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(FRESH_SECONDS)
            with suppress(OSError):  # the one we have is good for longer than that
                await self._fetch()

    async def _fetch(self) -> None:
        if self._identity is None:
            return
        for called, name in self._names.items():
            if scopes := self._scopes[called]:
                self._held[called] = await asyncio.to_thread(
                    token, self._identity, name, scopes, self._roles
                )


def _scopes(contract: Any) -> Iterator[str]:
    """Yield what a contract asks callers to be allowed."""
    for methods in ((contract or {}).get("paths") or {}).values():
        for operation in methods.values():
            for one in (
                operation.get("security") or () if isinstance(operation, dict) else ()
            ):
                for scopes in one.values():
                    yield from scopes
