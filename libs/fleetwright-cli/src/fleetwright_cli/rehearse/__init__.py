"""Rolling restarts, tried on this machine before a cluster tries them.

Read `_rehearsal` first, then `_rolling` (instances), `_balancer` (what stands before
them), `_load` (who asks) and `_clashes` (what the contracts say).
"""

from fleetwright_cli.rehearse._clashes import Clash
from fleetwright_cli.rehearse._load import Pace, Tally
from fleetwright_cli.rehearse._rehearsal import Report, Turn, Wish, rehearse
from fleetwright_cli.rehearse._rolling import Manners
from fleetwright_cli.rehearse._versions import released

__all__ = [
    "Clash",
    "Manners",
    "Pace",
    "Report",
    "Tally",
    "Turn",
    "Wish",
    "rehearse",
    "released",
]
