"""The standard as a program: its statements as data, a checker for each."""

from fleetwright_cli.standard._check import (
    Coverage,
    Finding,
    Report,
    check,
    open_repository,
)
from fleetwright_cli.standard._repository import Repository
from fleetwright_cli.standard._rule import (
    READABLE,
    SECTIONS,
    Breach,
    Rule,
    read_ones,
    rules,
    standard_text,
)
from fleetwright_cli.standard._tree import Tree, read_tree
from fleetwright_cli.standard._waivers import Debt, debt

__all__ = [
    "READABLE",
    "SECTIONS",
    "Breach",
    "Coverage",
    "Debt",
    "Finding",
    "Report",
    "Repository",
    "Rule",
    "Tree",
    "check",
    "debt",
    "open_repository",
    "read_ones",
    "read_tree",
    "rules",
    "standard_text",
]
