"""JSON Schema, draft 4 to 2020-12 and as OpenAPI uses it, read into shapes."""

from fleetwright_contracts.schemas._dialects import (
    DRAFT_4,
    DRAFT_6,
    DRAFT_7,
    DRAFT_2019,
    DRAFT_2020,
    OPENAPI_30,
    OPENAPI_31,
    Dialect,
    dialect_of,
)
from fleetwright_contracts.schemas._places import Place, Places
from fleetwright_contracts.schemas._reading import Reader
from fleetwright_contracts.schemas._view import AS_WRITTEN, View

__all__ = [
    "AS_WRITTEN",
    "DRAFT_4",
    "DRAFT_6",
    "DRAFT_7",
    "DRAFT_2019",
    "DRAFT_2020",
    "OPENAPI_30",
    "OPENAPI_31",
    "Dialect",
    "Place",
    "Places",
    "Reader",
    "View",
    "dialect_of",
]
