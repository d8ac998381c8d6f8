"""Contracts: what this tree changes in them since it left main, and whom that breaks.

Frozen contracts are compared, those of the commit read from git. They are compared anew
when main, one of them or a file that a finding is about is another.
"""

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.affected import changes_since
from fleetwright_cli.console._asked import Asked
from fleetwright_cli.console._promises import Stamps, contract_files, stamps
from fleetwright_cli.console._site import Site
from fleetwright_cli.contracts import Change, evolution, frozen
from fleetwright_cli.contracts._evolution import DESIGNS
from fleetwright_cli.contracts._words import changes_data
from fleetwright_cli.fleet import Fleet

# What has to be looked at; the rest is only to be known.
_GRAVE = ("error", "unknown", "warning")
Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found, and of what it was found.

    Attributes:
        base: The commit that was compared with.
        stamps: The files, as they were.
        facts: What is shown.
    """

    base: str
    stamps: Stamps = field(default_factory=dict)
    facts: Facts = field(default_factory=dict)


class Changes:
    """The comparison with main, kept as long as both sides are what they were."""

    def __init__(self, fleet: Fleet) -> None:
        """Compare nothing yet.

        Args:
            fleet: The fleet on disk.
        """
        self._fleet = fleet
        self._lock = threading.Lock()
        self._found: _Found | None = None

    def changes(self, site: Site, asked: Asked) -> Facts:
        """Return what changed in the contracts since this tree left main."""
        known = changes_since(self._fleet.root, None, self._fleet.manifest.test.against)
        told = {
            "since": known.since,
            "base": known.base[:12],
            "without": known.everything,
        }
        if known.everything:
            return told | _shown([], 0)
        with self._lock:
            found = self._found
            if (
                found is None
                or found.base != known.base
                or found.stamps != stamps(found.stamps)
            ):
                found = self._found = self._compared(known.base)
            return told | found.facts

    def _compared(self, base: str) -> _Found:
        """Return what differs from a commit, and the files that it was found in."""
        services = list(self._fleet.services.values())
        files = contract_files(services)
        read = [*files, *(self._fleet.root / DESIGNS).glob("*.md")]
        kept = sum(file.is_file() for file in files)
        try:
            found = evolution(self._fleet, frozen(services), base)
        except FleetError as error:
            return _Found(base, stamps(read), _shown([], kept, failed=str(error)))
        read += [self._fleet.root / file for file in _callers(found)]
        return _Found(base, stamps(read), _shown(found, kept))


def _callers(found: Iterable[Change]) -> Iterable[Path]:
    """Return the files of who uses what changed, below the fleet's root."""
    return {Path(one.file) for change in found for one in change.callers if one.file}


def _shown(found: list[Change], kept: int, failed: str = "") -> Facts:
    """Return findings as they are shown: those to be looked at in full."""
    changes = [
        one | {"shown": _pretty(one["witness"]) if "witness" in one else ""}
        for one in changes_data(found, "")["changes"]
    ]
    grave = [one for one in changes if one["severity"] in _GRAVE]
    return {
        "failed": failed,
        "contracts": kept,
        "breaking": sum(one.fails for one in found),
        "noted": len(changes) - len(grave),
        "changes": grave,
    }


def _pretty(witness: object) -> str:
    return json.dumps(witness, indent=2, ensure_ascii=False)
