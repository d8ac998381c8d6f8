"""Changed files to the processes that must restart."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

from fleetwright_cli.local._launch import Launch

DEBOUNCE_MILLISECONDS = 200
IGNORED_ENDINGS = (".db", ".db-wal", ".db-shm", ".db-journal", ".log", ".md", ".tmp")


class SourceFilter(DefaultFilter):
    """What counts as a change: what is watched, without caches and data."""

    def __init__(self, watched: Iterable[Path]) -> None:
        """Let changes of these folders and files through.

        Args:
            watched: Absolute paths.
        """
        super().__init__(ignore_dirs=(*DefaultFilter.ignore_dirs, ".fleet"))
        self._watched = tuple(watched)

    def __call__(self, change: Change, path: str) -> bool:
        """Return whether a change may restart a process.

        Args:
            change: Added, modified or deleted.
            path: Absolute path of the file.
        """
        file = Path(path)
        if file in self._watched:
            return True
        if file.name.startswith(".") or file.name.endswith(IGNORED_ENDINGS):
            return False
        if any(part.endswith(".egg-info") for part in file.parts):
            return False  # an installation writes it, nobody runs it
        inside = any(file.is_relative_to(folder) for folder in self._watched)
        return inside and super().__call__(change, path)


def touched(launches: Iterable[Launch], paths: Iterable[Path]) -> dict[str, Path]:
    """Return the processes that changed files belong to.

    Args:
        launches: The processes.
        paths: The changed files.

    Returns:
        Each touched process with the first of its changed files.
    """
    changed = sorted(paths)
    found: dict[str, Path] = {}
    for launch in launches:
        for path in changed:
            if any(path.is_relative_to(folder) for folder in launch.watched):
                found[launch.name] = path
                break
    return found


async def watch(
    launches: tuple[Launch, ...],
    *,
    restart: Callable[[str, Path], None],
    stopped: asyncio.Event,
) -> None:
    """Restart what changes, until told to stop.

    Args:
        launches: The processes with the folders and files they are watched by.
        restart: Gets each touched process and the file that changed.
        stopped: Set when this is to end.
    """
    watched = {path for launch in launches for path in launch.watched}
    # A single file (.env) may not exist yet: its folder is watched.
    folders = {path if path.is_dir() else path.parent for path in watched}
    existing = sorted(folder for folder in folders if folder.is_dir())
    if not existing:
        return
    async for batch in awatch(
        *existing,
        watch_filter=SourceFilter(watched),
        debounce=DEBOUNCE_MILLISECONDS,
        stop_event=stopped,
        ignore_permission_denied=True,
    ):
        for name, path in touched(launches, (Path(path) for _, path in batch)).items():
            restart(name, path)
