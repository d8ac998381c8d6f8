"""What a service's tests need.

`serving(app)` gives a client on a started service, `FakeClock` gives time that jumps.
The pytest plugin brings the fixtures `clock` and `broker`.
"""

from typing import TYPE_CHECKING, Any

from fleetwright.testing._asgi import AsgiTransport
from fleetwright.testing._clock import FakeClock, JumpingLoop
from fleetwright.testing._serving import service_of, serving

if TYPE_CHECKING:
    from fleetwright.testing._broker import FakeBroker

__all__ = [
    "AsgiTransport",
    "FakeBroker",
    "FakeClock",
    "JumpingLoop",
    "service_of",
    "serving",
]


def __getattr__(name: str) -> Any:
    """Return `FakeBroker`: only services with events have what it needs installed."""
    if name != "FakeBroker":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fleetwright.testing._broker import FakeBroker

    return FakeBroker
