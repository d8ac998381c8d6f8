"""Documents of OpenAPI 3.0 and 3.1, compared as their users would feel it."""

from fleetwright_contracts.openapi._comparison import compare_openapi

__all__ = ["compare_openapi"]
