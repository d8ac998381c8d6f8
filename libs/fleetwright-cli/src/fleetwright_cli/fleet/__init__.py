"""The fleet on disk as values."""

from fleetwright_cli.fleet._discover import Fleet, Library, Service, discover, find_root
from fleetwright_cli.fleet._manifest import Manifest, read_manifest
from fleetwright_cli.fleet._waivers import Waiver

__all__ = [
    "Fleet",
    "Library",
    "Manifest",
    "Service",
    "Waiver",
    "discover",
    "find_root",
    "read_manifest",
]
