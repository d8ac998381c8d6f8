"""What a service's tests need.

`serving(app)` gives a client on a started service, `calling(app, StockStub)` one that
speaks gRPC, `FakeClock` gives time that jumps.
The pytest plugin brings the fixtures `clock`, `broker` and `faults`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from fleetwright.testing._clock import FakeClock, JumpingLoop
from fleetwright.testing._consumption import unbounded_requests, unkeyed_posts
from fleetwright.testing._doors import open_doors
from fleetwright.testing._exposure import exposed_properties
from fleetwright.testing._faults import Faults
from fleetwright.testing._issuer import FakeIssuer, FakeTokens
from fleetwright.testing._serving import service_of, serving

if TYPE_CHECKING:
    from fleetwright.testing._asgi import AsgiTransport
    from fleetwright.testing._broker import FakeBroker
    from fleetwright.testing._grpc import calling

__all__ = [
    "AsgiTransport",
    "FakeBroker",
    "FakeClock",
    "FakeIssuer",
    "FakeTokens",
    "Faults",
    "JumpingLoop",
    "calling",
    "exposed_properties",
    "open_doors",
    "service_of",
    "serving",
    "unbounded_requests",
    "unkeyed_posts",
]

# Only services with clients, events or gRPC have installed what these need.
_OF_EXTRAS = {"AsgiTransport": "_asgi", "FakeBroker": "_broker", "calling": "_grpc"}


def __getattr__(name: str) -> Any:
    """Return what needs an extra, imported when it is asked for."""
    if name not in _OF_EXTRAS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_OF_EXTRAS[name]}")
    return getattr(module, name)
