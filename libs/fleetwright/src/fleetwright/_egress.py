"""Where a call out of the fleet may go: origins by name, at public addresses only."""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from fleetwright.errors import DeclarationError, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PORTS = {"https": 443, "http": 80}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Not public either, which `ipaddress` of some versions does not know: clouds answer for
# their metadata in the first two.
_INSIDE = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.0.0/24", "168.63.129.16/32", "192.88.99.0/24", "64:ff9b:1::/48"),
    )
)


class Egress:
    """The origins outside of the fleet that one client may call.

    A name is resolved once for a connection, and the connection is made to what was
    checked: a name that means something else a moment later changes nothing.
    """

    def __init__(
        self,
        origins: Sequence[str],
        *,
        resolver: AbstractResolver | None = None,
        is_allowed: Callable[[Address], bool] | None = None,
    ) -> None:
        """Allow these origins.

        Args:
            origins: For example "https://api.bank.example"; a port other than the
                scheme's own stands behind a colon.
            resolver: Finds addresses; for tests.
            is_allowed: Tells whether an address may be called; for tests.

        Raises:
            DeclarationError: One of them is not an origin.
        """
        self._origins = frozenset(_declared(origin) for origin in origins)
        self._resolver = resolver
        self._is_allowed = is_allowed or is_public

    def check(self, url: str) -> None:
        """Refuse a URL that is not of one of the origins.

        Args:
            url: Where a request is about to go.

        Raises:
            Unavailable: It may not go there; nothing was sent.
        """
        if _origin(url) not in self._origins:
            raise Unavailable(
                "the URL is of no origin this client may call",
                reason="rejected",
                where=_shown(url),
                hint='name its origin: rest(..., external=("https://host",))',
            )

    def resolver(self) -> AbstractResolver:
        """Return what resolves names for a pool of connections."""
        return _Checked(self._resolver or ThreadedResolver(), self._is_allowed)


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to the public internet.

    Args:
        address: Any address; IPv4 that is wrapped in IPv6 is looked at by itself.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address.teredo is not None:
            return False
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    if address.is_multicast or address.is_reserved:
        return False
    return address.is_global and not any(address in one for one in _INSIDE)


class _Checked(AbstractResolver):
    """A resolver that refuses names with an address that may not be called."""

    def __init__(
        self, resolver: AbstractResolver, is_allowed: Callable[[Address], bool]
    ) -> None:
        self._resolver = resolver
        self._is_allowed = is_allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name if all of them may be called."""
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            address = ipaddress.ip_address(one["host"].partition("%")[0])
            if not self._is_allowed(address):
                raise refused(host)
        return found

    async def close(self) -> None:
        """Close the resolver."""
        await self._resolver.close()


def refused(host: str) -> Unavailable:
    """Return the error of a host that may not be called.

    Args:
        host: Its name.
    """
    return Unavailable(
        f"{host!r} is not an address of the public internet",
        reason="rejected",
        hint="a client with `external` calls public addresses only; a service of the"
        " fleet is called without it",
    )


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port; None for what is no plain URL or names no host."""
    if any(character <= " " or character in "\\\x7f" for character in url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    host = parts.hostname
    if not host.isascii() or not all(c.isalnum() or c in "-._" for c in host):
        return None  # an IPv6 literal, an escape, a name in other letters
    if host.replace(".", "").isdigit() or host[-1] == ".":
        return None  # an address in figures
    return parts.scheme, host, _PORTS[parts.scheme] if port is None else port


def _declared(origin: str) -> tuple[str, str, int]:
    found = _origin(origin)
    if found is None or urlsplit(origin).path.strip("/") or "?" in origin:
        raise DeclarationError(
            f"{origin!r} is not an origin",
            where="rest(..., external=...)",
            hint='write scheme and name, as in "https://api.bank.example"',
        )
    return found


def _shown(url: str) -> str:
    """Return the URL without what may be secret in it."""
    return url.partition("?")[0].rpartition("@")[2][:200]
