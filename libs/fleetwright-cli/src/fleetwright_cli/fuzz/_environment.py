"""The environment that Schemathesis runs in: hashed, and made when it is first used."""

import sys
from collections.abc import Callable
from pathlib import Path

from fleetwright_cli import venvs
from fleetwright_cli._digests import digest_of_files
from fleetwright_cli.fleet import Fleet

LOCK = Path(__file__).with_name("requirements.txt")
DRIVER = Path(__file__).with_name("driver.py")


def schemathesis(fleet: Fleet, tell: Callable[[str], None] = lambda text: None) -> Path:
    """Return the interpreter that has Schemathesis.

    Args:
        fleet: The fleet, whose other environments stand beside this one.
        tell: Gets a line when it is made.

    Raises:
        FleetError: A package cannot be had, or the disk refuses.
    """
    digest = digest_of_files([LOCK], sys.version, sys.base_prefix)
    folder = fleet.root / ".fleet" / "venvs" / digest[:16]
    venv = venvs.Venv(folder, (LOCK,), ())
    venvs.make(venv, tell)
    return venv.python
