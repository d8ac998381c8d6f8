"""Who calls, and who may: declared at the route, proved by a token.

A route says `@allow("storefront", scope="orders:write")` or `@public`; a token is
verified before anything of the request is read; calls out carry a token of their own.
"""

from fleetwright._principal import Principal
from fleetwright.auth._access import Access, access_of, allow, public
from fleetwright.auth._gate import Gate, routes_and_callers
from fleetwright.auth._tokens import TokenSource

__all__ = [
    "Access",
    "Gate",
    "Principal",
    "TokenSource",
    "access_of",
    "allow",
    "public",
    "routes_and_callers",
]
