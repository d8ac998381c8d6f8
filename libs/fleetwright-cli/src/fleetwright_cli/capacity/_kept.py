"""Costs as a file below `.fleet`, so that they are measured once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from fleetwright_cli._digests import digest_of_files
from fleetwright_cli._errors import FleetError
from fleetwright_cli.capacity._checks import Check
from fleetwright_cli.capacity._costs import Costs
from fleetwright_cli.fleet import Fleet

FILE = Path(".fleet") / "plan.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """What was measured, and of what.

    Attributes:
        measured_at: When, as ISO 8601 says it.
        sources: A digest of the source of each service that ran.
        costs: What a request costs.
        checks: How far off that was at another rate.
    """

    measured_at: str
    sources: Mapping[str, str]
    costs: Costs
    checks: Sequence[Check]


def keep(root: Path, kept: Kept) -> None:
    """Write what was measured.

    Args:
        root: The fleet's folder.
        kept: What was measured.
    """
    file = root / FILE
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(asdict(kept), indent=2) + "\n", encoding="utf-8")


def read_kept(root: Path) -> Kept:
    """Return what was measured last.

    Args:
        root: The fleet's folder.

    Raises:
        FleetError: Nothing was measured, or the file is spoilt.
    """
    file = root / FILE
    try:
        return TypeAdapter(Kept).validate_json(file.read_bytes())
    except (OSError, ValueError) as error:
        is_there = file.exists()
        raise FleetError(
            (
                "what was measured cannot be read: another version wrote it"
                if is_there
                else "what a request costs was not measured here"
            ),
            where=str(file),
            hint="measure it: `fleet plan --measure`",
        ) from error


def sources(fleet: Fleet) -> dict[str, str]:
    """Return a digest of what each service is made of: its source, libraries and lock.

    Args:
        fleet: The fleet on disk.
    """
    libraries = {
        name: _digest(one.folder / "src") for name, one in fleet.libraries.items()
    }
    return {
        name: digest_of_files(
            [one.lock],
            _digest(one.folder / "src"),
            *(libraries[library] for library in sorted(one.libraries)),
        )
        for name, one in fleet.services.items()
    }


def doubts(kept: Kept, now: Mapping[str, str]) -> list[str]:
    """Return why what was measured may not be true any more, in words.

    Args:
        kept: What was measured.
        now: What the services are made of.
    """
    changed = sorted(
        name for name, one in now.items() if kept.sources.get(name, one) != one
    )
    unknown = sorted(set(now) - set(kept.costs.services))
    gone = sorted(set(kept.sources) - set(now))
    found = [
        ("changed since then", changed),
        ("not measured", unknown),
        ("measured, but no longer here", gone),
    ]
    return [f"{words}: {', '.join(names)}" for words, names in found if names]


def _digest(folder: Path) -> str:
    files = sorted(
        one
        for one in folder.rglob("*")
        if one.is_file() and "__pycache__" not in one.parts
    )
    names = (one.relative_to(folder).as_posix() for one in files)
    return digest_of_files(files, *names)
