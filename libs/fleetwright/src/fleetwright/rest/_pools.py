"""One pool of connections for each event loop that calls, opened at its first call."""

import asyncio
from collections.abc import Awaitable, Callable

from fleetwright._portal import Home, is_background, on_background_end
from fleetwright._transport import Transport


class Pools:
    """The open transports of one client; connections never pass between loops.

    Attributes:
        open_on: The open transports by their loops; for a look without a wait.
        home: The loop the service opened the client on; None while it is closed.
    """

    __slots__ = ("_make", "_turns", "home", "open_on")

    def __init__(self, make: Callable[[], Awaitable[Transport]]) -> None:
        """Start with none.

        Args:
            make: Makes an open transport for the running loop.
        """
        self.open_on: dict[asyncio.AbstractEventLoop, Transport] = {}
        self.home: Home | None = None
        self._make = make
        self._turns: dict[asyncio.AbstractEventLoop, asyncio.Lock] = {}

    async def opened(self) -> Transport:
        """Return the transport of the running loop, opened now if need be."""
        loop = asyncio.get_running_loop()
        async with self._turns.setdefault(loop, asyncio.Lock()):
            transport = self.open_on.get(loop)
            if transport is None:
                self._forget_the_closed()
                transport = self.open_on[loop] = await self._make()
                if is_background(loop):
                    on_background_end(self.close)
        return transport

    async def close(self) -> None:
        """Close the transport of the running loop."""
        loop = asyncio.get_running_loop()
        if self.home is not None and self.home.loop is loop:
            self.home = None
        transport = self.open_on.pop(loop, None)
        if transport is not None:
            await transport.close()

    def _forget_the_closed(self) -> None:
        """Drop what belonged to loops that are gone, their connections with them."""
        for loop in [one for one in self._turns if one.is_closed()]:
            del self._turns[loop]
            self.open_on.pop(loop, None)
