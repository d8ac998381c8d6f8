"""Which tests can tell what a change did, and which need not run again."""

from fleetwright_cli.affected._changes import Changes, changes_since
from fleetwright_cli.affected._passes import Inputs, Passes, covered_before
from fleetwright_cli.affected._plan import Affected, affected_of, matrix_of
from fleetwright_cli.affected._selection import Chosen, select

__all__ = [
    "Affected",
    "Changes",
    "Chosen",
    "Inputs",
    "Passes",
    "affected_of",
    "changes_since",
    "covered_before",
    "matrix_of",
    "select",
]
