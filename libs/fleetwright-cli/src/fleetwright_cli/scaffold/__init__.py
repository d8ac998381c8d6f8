"""Fleets, services and libraries from templates; newer templates brought to them."""

from fleetwright_cli.scaffold._answers import (
    FleetAnswers,
    Framework,
    LibraryAnswers,
    Pipeline,
    ServiceAnswers,
)
from fleetwright_cli.scaffold._git import is_inside_repository, owner_by_git
from fleetwright_cli.scaffold._making import (
    Added,
    add_library,
    add_service,
    make_fleet,
)
from fleetwright_cli.scaffold._merge import Change
from fleetwright_cli.scaffold._names import owner_of, require_name
from fleetwright_cli.scaffold._record import Record
from fleetwright_cli.scaffold._templates import (
    VENDORED,
    files_of_fleet,
    files_of_library,
    files_of_service,
)
from fleetwright_cli.scaffold._upgrading import Drift, drift_of, upgrade

__all__ = [
    "VENDORED",
    "Added",
    "Change",
    "Drift",
    "FleetAnswers",
    "Framework",
    "LibraryAnswers",
    "Pipeline",
    "Record",
    "ServiceAnswers",
    "add_library",
    "add_service",
    "drift_of",
    "files_of_fleet",
    "files_of_library",
    "files_of_service",
    "is_inside_repository",
    "make_fleet",
    "owner_by_git",
    "owner_of",
    "require_name",
    "upgrade",
]
