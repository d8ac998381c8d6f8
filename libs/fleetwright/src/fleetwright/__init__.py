"""The runtime inside every service of a Fleetwright fleet.

Read it in this order: the values (`errors`, `_clock`, `_deadline`, `_context`,
`_settings`), then what a service is (`_service`, `_lifecycle`), then the story of a
call coming in (`_inbound`), told over ASGI (`_asgi`) and put into an app (`fastapi`).
Calls out are `rest` inside `resilience`; events are `events`; `serve` runs it all.
"""

from fleetwright._clock import Clock
from fleetwright._deadline import Deadline
from fleetwright._problem import Problem
from fleetwright._service import Service
from fleetwright._settings import Settings
from fleetwright.errors import (
    DeadlineExceeded,
    FleetwrightError,
    Refused,
    SettingsError,
    Unavailable,
)

__all__ = [
    "Clock",
    "Deadline",
    "DeadlineExceeded",
    "FleetwrightError",
    "Problem",
    "Refused",
    "Service",
    "Settings",
    "SettingsError",
    "Unavailable",
]
