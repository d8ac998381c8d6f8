"""Rolling restarts, tried on this machine before a cluster tries them.

Read `_rehearsal` first, then `_rolling` (instances), `_balancer` (what stands before
them), `_load` (who asks) and `_clashes` (what the contracts say).
"""

from fleetwright_cli.rehearse._asking import involved
from fleetwright_cli.rehearse._clashes import Clash
from fleetwright_cli.rehearse._load import AT_ONCE, Pace, Tally
from fleetwright_cli.rehearse._rehearsal import Report, Turn, Wish, rehearse
from fleetwright_cli.rehearse._rolling import Manners
from fleetwright_cli.rehearse._versions import released

__all__ = [
    "AT_ONCE",
    "Clash",
    "Manners",
    "Pace",
    "Report",
    "Tally",
    "Turn",
    "Wish",
    "involved",
    "rehearse",
    "released",
]
