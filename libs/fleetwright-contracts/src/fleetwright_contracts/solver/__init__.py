"""Finds a value for which some shapes hold, or proves that there is none."""

from fleetwright_contracts.solver._answers import Answer, Found, Nowhere, Unsure
from fleetwright_contracts.solver._solver import MOST_STEPS, Solver

__all__ = ["MOST_STEPS", "Answer", "Found", "Nowhere", "Solver", "Unsure"]
