"""Descriptors of protobuf, compared as messages on the wire would feel it."""

from fleetwright_contracts.protobuf._comparison import compare_protobuf
from fleetwright_contracts.protobuf._promises import Promise

__all__ = ["Promise", "compare_protobuf"]
