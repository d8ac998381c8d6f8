"""Files that are written by the tool and committed: what is stale, and its mending."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fleetwright_cli._errors import FleetError


@dataclass(frozen=True, slots=True)
class Stale:
    """A file that is not what it should be.

    Attributes:
        path: Below the root.
        state: What was done, or is to be done.
    """

    path: str
    state: Literal["written", "removed", "stale", "left over"]


def mend(
    root: Path, wanted: Mapping[str, str], own: Iterable[str] = (), *, check: bool
) -> list[Stale]:
    """Write the files that are not what they should be, and say which.

    Args:
        root: The fleet's folder.
        wanted: The texts by path.
        own: Patterns of files that are the tool's alone: others there are removed.
        check: Whether nothing is changed.

    Returns:
        What was not as it should be, in order.

    Raises:
        FleetError: A file cannot be written.
    """
    found = []
    try:
        for path, text in wanted.items():
            if _text(root / path) != text:
                found.append(Stale(path, "stale" if check else "written"))
                if not check:
                    (root / path).parent.mkdir(parents=True, exist_ok=True)
                    (root / path).write_text(text, "utf-8")
        for pattern in own:
            for file in sorted(root.glob(pattern)):
                name = file.relative_to(root).as_posix()
                if name not in wanted:
                    found.append(Stale(name, "left over" if check else "removed"))
                    if not check:
                        file.unlink()
    except OSError as error:
        raise FleetError(
            f"it cannot be written: {error.strerror}",
            where=str(error.filename),
            hint="make that folder writable for you",
        ) from error
    return found


def _text(path: Path) -> str | None:
    """Return what a file holds; None when it is no text, or not there."""
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError):
        return None
