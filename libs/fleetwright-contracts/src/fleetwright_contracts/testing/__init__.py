"""What the tests of a consumer need: a provider that keeps to its contract.

Needs the runtime, `fleetwright[rest]`, which services have anyway.
"""

from fleetwright_contracts.testing._contract import Asked, ContractBroken
from fleetwright_contracts.testing._provider import FakeProvider

__all__ = ["Asked", "ContractBroken", "FakeProvider"]
