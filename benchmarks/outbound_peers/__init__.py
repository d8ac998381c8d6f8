"""The clients that are measured: how each opens and makes one call."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from outbound_peers import ours, theirs

Opened = Callable[[str], AbstractAsyncContextManager[Callable[[], Awaitable[object]]]]

# What must be installed, and how the peer is opened. The first is the bare transport
# that all are compared with.
PEERS: dict[str, tuple[tuple[str, ...], Opened]] = {
    "aiohttp": (("aiohttp",), theirs.aiohttp_bare),
    "our transport": (("aiohttp",), ours.transport),
    "fleetwright, default pipeline": (("aiohttp",), ours.client),
    "fleetwright, nothing on the wire": ((), ours.client_alone),
    "pyreqwest": (("pyreqwest",), theirs.pyreqwest_bare),
    "httpx2": (("httpx2",), theirs.httpx2_bare),
    "httptools, the floor": (("httptools",), theirs.httptools_floor),
    "httpx2 + stamina + purgatory + OTel": (
        ("httpx2", "stamina", "purgatory", "opentelemetry.sdk"),
        theirs.usual_stack,
    ),
}
