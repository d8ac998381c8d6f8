"""Documents of AsyncAPI 3, compared as those at the other end would feel it."""

from fleetwright_contracts.asyncapi._comparison import compare_asyncapi

__all__ = ["compare_asyncapi"]
