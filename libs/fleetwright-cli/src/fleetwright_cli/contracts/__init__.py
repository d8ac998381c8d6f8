"""The contracts of a fleet: read off its code, kept in files, held against each other.

Read `_extraction` first, then `_frozen`, then `_verification`.
"""

from fleetwright_cli.contracts._extraction import Extraction, extract
from fleetwright_cli.contracts._frozen import KINDS, Drift, drift, frozen

__all__ = [
    "KINDS",
    "Drift",
    "Extraction",
    "drift",
    "extract",
    "frozen",
]
