"""The contracts of a fleet: read off its code, kept in files, held against each other.

Read `_extraction` first, then `_frozen`, `_verification` and `_evolution`; `_releases`
and `_rollout` ask the same of versions that may run beside one another.
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
from fleetwright_cli.contracts._releases import (
    Release,
    candidates,
    record,
    recorded,
    running,
)
from fleetwright_cli.contracts._rollout import Rollout, plan_rollout
from fleetwright_cli.contracts._verification import Unmet, Verification, verify

__all__ = [
    "KINDS",
    "Caller",
    "Change",
    "Drift",
    "Extraction",
    "Problem",
    "Release",
    "Rollout",
    "Unmet",
    "Verification",
    "break_problems",
    "candidates",
    "drift",
    "drift_problems",
    "evolution",
    "extract",
    "frozen",
    "frozen_at",
    "plan_rollout",
    "problems",
    "record",
    "recorded",
    "running",
    "unmet_problems",
    "verify",
]
