"""What a search for a value can end with."""

from dataclasses import dataclass
from typing import TypeAlias

from fleetwright_contracts._values import Value


@dataclass(frozen=True, slots=True)
class Found:
    """There is such a value."""

    value: Value


@dataclass(frozen=True, slots=True)
class Nowhere:
    """It is proved that there is none."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """Neither was found out, and why."""

    reason: str


Answer: TypeAlias = Found | Nowhere | Unsure
NOWHERE = Nowhere()
