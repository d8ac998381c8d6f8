"""What a fleet needs for more load, reckoned from what it needs for little.

Read `_measuring` (the fleet under load, apart), `_costs` (lines through what was
measured), `_checks` (those held against another rate), `_needs` (replicas, connections,
lanes, broker), `_ceilings` (what gives out first) and `_rooms` (what a cluster promises
each service, written into fleet.toml).
"""

from fleetwright_cli.capacity._ceilings import Ceiling, bottleneck, ceilings
from fleetwright_cli.capacity._checks import Check, checked
from fleetwright_cli.capacity._costs import Costs, Line, ServiceCost, costs_of
from fleetwright_cli.capacity._kept import Kept, doubts, keep, read_kept, sources
from fleetwright_cli.capacity._measuring import Wish, askable, measure
from fleetwright_cli.capacity._needs import Limits, Model, Need, Needs, Site
from fleetwright_cli.capacity._rooms import room_for, written
from fleetwright_cli.capacity._telling import told_checks, told_costs, told_needs
from fleetwright_cli.capacity._windows import Use, Window

__all__ = [
    "Ceiling",
    "Check",
    "Costs",
    "Kept",
    "Limits",
    "Line",
    "Model",
    "Need",
    "Needs",
    "ServiceCost",
    "Site",
    "Use",
    "Window",
    "Wish",
    "askable",
    "bottleneck",
    "ceilings",
    "checked",
    "costs_of",
    "doubts",
    "keep",
    "measure",
    "read_kept",
    "room_for",
    "sources",
    "told_checks",
    "told_costs",
    "told_needs",
    "written",
]
