"""The contracts of a fleet: read off its code, kept in files, held against each other.

Read `_extraction` first, then `_frozen`, `_verification` and `_evolution`.
"""

from fleetwright_cli.contracts._baseline import frozen_at
from fleetwright_cli.contracts._evolution import Caller, Change, evolution
from fleetwright_cli.contracts._extraction import Extraction, extract
from fleetwright_cli.contracts._frozen import KINDS, Drift, drift, frozen
from fleetwright_cli.contracts._gate import (
    Problem,
    break_problems,
    drift_problems,
    problems,
    unmet_problems,
)
from fleetwright_cli.contracts._verification import Unmet, Verification, verify

__all__ = [
    "KINDS",
    "Caller",
    "Change",
    "Drift",
    "Extraction",
    "Problem",
    "Unmet",
    "Verification",
    "break_problems",
    "drift",
    "drift_problems",
    "evolution",
    "extract",
    "frozen",
    "frozen_at",
    "problems",
    "unmet_problems",
    "verify",
]
