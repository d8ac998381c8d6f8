"""What a consumer needs of others, held against what they promise."""

from fleetwright_contracts.needs._calls import unmet
from fleetwright_contracts.needs._heard import Sent, misheard, sent_by
from fleetwright_contracts.needs._mismatch import Mismatch

__all__ = ["Mismatch", "Sent", "misheard", "sent_by", "unmet"]
