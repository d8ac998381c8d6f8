"""The compose file of a fleet on disk: written, or compared with what the tree says."""

from pathlib import Path

from fleetwright_cli.deploy._facts import World
from fleetwright_cli.deploy._files import Stale, mend
from fleetwright_cli.deploy.compose._file import files
from fleetwright_cli.fleet import discover
from fleetwright_cli.standard import open_repository


def composed(root: Path, *, check: bool = False) -> list[Stale]:
    """Write docker-compose.yml and what it reads, as the tree says.

    Args:
        root: The fleet's folder.
        check: Whether nothing is changed.

    Returns:
        What was not as it should be.

    Raises:
        FleetError: `[deploy]` names a service that is not there, or the disk refuses.
    """
    fleet = discover(root)
    repository = open_repository(root)
    wanted = files(World(fleet, repository))
    if not check:
        repository.facts.keep()
    return mend(root, wanted, check=check)
