"""Documents of OpenAPI 3.0 and 3.1, compared as their users would feel it."""

from fleetwright_contracts.openapi._bodies import compare_bodies
from fleetwright_contracts.openapi._comparison import compare_openapi
from fleetwright_contracts.openapi._description import Description, Operation
from fleetwright_contracts.openapi._parameters import compare_parameters
from fleetwright_contracts.openapi._responses import compare_contents
from fleetwright_contracts.openapi._routes import paired
from fleetwright_contracts.openapi._talk import Talk, media_type_for

__all__ = [
    "Description",
    "Operation",
    "Talk",
    "compare_bodies",
    "compare_contents",
    "compare_openapi",
    "compare_parameters",
    "media_type_for",
    "paired",
]
