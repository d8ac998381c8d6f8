"""What a service promises and needs, read off its code.

`python -m fleetwright.contract orders.app:create_app` prints it as JSON.
"""

from fleetwright.contract._description import canonical, describe

__all__ = ["canonical", "describe"]
