"""Files of the cache: JSON, named by what wrote them, never code.

Whoever can write there can mislead the check, but run nothing.
"""

import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

from fleetwright_cli._digests import digest_of_files

FOLDER = ".fleet/cache"


def write(file: Path, document: Any) -> None:
    """Write a file of the cache in the place of older forms; a full disk is no fault.

    Args:
        file: Which.
        document: JSON-ready values.
    """
    draft = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
        for old in file.parent.glob(f"{file.name.partition('-')[0]}-*.json"):
            old.unlink()
        draft.replace(file)
    except OSError:
        draft.unlink(missing_ok=True)


@cache
def form() -> str:
    """Return what the cache depends on beside the files: the check, and Python."""
    here = Path(__file__).parent
    ours = [*sorted(here.rglob("*.py")), *sorted(here.rglob("*.toml"))]
    return digest_of_files(ours, sys.version)[:12]
