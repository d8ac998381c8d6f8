"""What a service's tests need.

`serving(app)` gives a client on a started service, `FakeClock` gives time that jumps.
The pytest plugin brings the fixtures `clock` and `broker`.
"""

from fleetwright.testing._asgi import AsgiTransport
from fleetwright.testing._clock import FakeClock, JumpingLoop
from fleetwright.testing._serving import service_of, serving

__all__ = ["AsgiTransport", "FakeClock", "JumpingLoop", "service_of", "serving"]
