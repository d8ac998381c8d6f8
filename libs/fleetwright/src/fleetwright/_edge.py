"""Whom the server listens to: who connects, and which hosts are asked for."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from fleetwright._connections import Connections


@dataclass(frozen=True, slots=True)
class Edge:
    """Whom the server listens to.

    Attributes:
        connections: The open connections.
        hosts: Names a request may ask for, `*.example.org` included; empty for any.
        proxies: Whose `X-Forwarded-*` headers are passed on.
    """

    connections: Connections
    hosts: frozenset[str] = frozenset()
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()

    def serves(self, host: bytes) -> bool:
        """Return whether a request may ask for this host.

        Args:
            host: The value of the Host header, with or without a port.

        Returns:
            True when it is listed, or when nothing is.
        """
        if not self.hosts:
            return True
        name = host.decode("latin-1").lower()
        name = name if name.endswith("]") else name.rpartition(":")[0] or name
        parent = "*." + name.partition(".")[2]
        return name in self.hosts or parent in self.hosts

    def trusts(self, address: str) -> bool:
        """Return whether a peer is one of our own proxies.

        Args:
            address: Its IP address.

        Returns:
            False where no proxy was named.
        """
        if not self.proxies:
            return False
        try:
            peer = ip_address(address)
        except ValueError:
            return False
        return any(peer in network for network in self.proxies)
