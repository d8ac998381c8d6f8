"""Costs and what was measured, as tests of `fleet plan` need them."""

from collections.abc import Mapping
from typing import Any

from fleetwright_cli.capacity import Costs, Line, ServiceCost, Use, Window
from fleetwright_cli.capacity._reading import Carried

IDLE = Use(
    cpu=0.0,
    memory=60e6,
    sockets=12,
    written=0.0,
    callers={},
    effects=0.0,
    call_seconds=0.020,
    topics={},
    event_seconds=0.0,
)
COST = ServiceCost(
    cpu=Line(0.01, 0.005),
    memory=60e6,
    sockets=12,
    written=Line(100.0, 1000.0),
    callers={"outside": 1.0},
    effects=0.5,
    call_seconds=0.020,
    topics={},
    event_seconds=0.0,
)


def window(
    rate: float, carried: Mapping[str, Carried] | None = None, **uses: Use
) -> Window:
    """Return what some services used at a rate."""
    return Window(rate, 0, uses, carried or {})


def costs(carried: Mapping[str, Carried] | None = None, **services: Any) -> Costs:
    """Return what a request costs some services."""
    return Costs(["orders"], [4.0, 12.0], services, carried or {})
