"""What a fleet needs for more load, reckoned from what it needs for little.

Read `_measuring` (the fleet under load, apart), `_costs` (cost of one request) and
`_needs` (replicas, connections, lanes).
"""

from fleetwright_cli.capacity._costs import Check, Costs, ServiceCost, checked, costs_of
from fleetwright_cli.capacity._kept import keep, read_kept
from fleetwright_cli.capacity._measuring import Window, measure
from fleetwright_cli.capacity._needs import Limits, Need, Needs, needs_at

__all__ = [
    "Check",
    "Costs",
    "Limits",
    "Need",
    "Needs",
    "ServiceCost",
    "Window",
    "checked",
    "costs_of",
    "keep",
    "measure",
    "needs_at",
    "read_kept",
]
