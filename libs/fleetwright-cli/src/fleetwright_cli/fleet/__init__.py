"""The fleet on disk as values."""

from fleetwright_cli.fleet._deploy import ServiceDeploy
from fleetwright_cli.fleet._discover import (
    Fleet,
    Library,
    Service,
    direct_libraries,
    discover,
    find_root,
    with_needed,
)
from fleetwright_cli.fleet._manifest import Manifest, read_manifest
from fleetwright_cli.fleet._waivers import Waiver

__all__ = [
    "Fleet",
    "Library",
    "Manifest",
    "Service",
    "ServiceDeploy",
    "Waiver",
    "direct_libraries",
    "discover",
    "find_root",
    "read_manifest",
    "with_needed",
]
