"""What a run found is kept: while no file changes, the next one has nothing to read."""

import json
from pathlib import Path

from fleetwright_cli.standard._cache import form, write
from fleetwright_cli.standard._rule import Breach

Found = list[tuple[str, Breach]]


def kept_breaches(folder: Path, key: str) -> Found | None:
    """Return what was found in the same files; None when they have changed.

    Args:
        folder: Where it is kept.
        key: What the files are.
    """
    try:
        document = json.loads(_file(folder).read_bytes())
        if document["key"] != key:
            return None
        return [
            (one, Breach(path, line, what))
            for one, path, line, what in document["found"]
        ]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def keep_breaches(folder: Path, key: str, found: Found) -> None:
    """Keep what was found.

    Args:
        folder: Where.
        key: What the files are.
        found: Rules and where they are broken.
    """
    rows = [(one, breach.path, breach.line, breach.what) for one, breach in found]
    write(_file(folder), {"key": key, "found": rows})


def _file(folder: Path) -> Path:
    """Return where it is kept."""
    return folder / f"breaches-{form()}.json"
