"""Tells whether a changed API still fits, and shows the value that does not."""

from fleetwright_contracts._explained import RULES, Explanation, explained
from fleetwright_contracts._files import compare
from fleetwright_contracts._findings import Finding, Severity, Witness, verdict_of
from fleetwright_contracts._judgement import Judgement, Verdict, compare_schemas
from fleetwright_contracts._load import load, parse
from fleetwright_contracts._provers import Prover, rust_prover
from fleetwright_contracts._reports import REPORTS, Files
from fleetwright_contracts.asyncapi import compare_asyncapi
from fleetwright_contracts.errors import (
    ContractError,
    Exhausted,
    Unreadable,
    Unresolvable,
    Unsupported,
)
from fleetwright_contracts.openapi import compare_openapi
from fleetwright_contracts.schemas import (
    DRAFT_4,
    DRAFT_6,
    DRAFT_7,
    DRAFT_2019,
    DRAFT_2020,
    OPENAPI_30,
    OPENAPI_31,
    Dialect,
)

__all__ = [
    "DRAFT_4",
    "DRAFT_6",
    "DRAFT_7",
    "DRAFT_2019",
    "DRAFT_2020",
    "OPENAPI_30",
    "OPENAPI_31",
    "REPORTS",
    "RULES",
    "ContractError",
    "Dialect",
    "Exhausted",
    "Explanation",
    "Files",
    "Finding",
    "Judgement",
    "Prover",
    "Severity",
    "Unreadable",
    "Unresolvable",
    "Unsupported",
    "Verdict",
    "Witness",
    "compare",
    "compare_asyncapi",
    "compare_openapi",
    "compare_schemas",
    "explained",
    "load",
    "parse",
    "rust_prover",
    "verdict_of",
]
