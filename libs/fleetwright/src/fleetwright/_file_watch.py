"""A file that is looked at while a service runs."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from fleetwright._clock import clock

LOOK_SECONDS: Final = 0.25


class FileWatch:
    """Looks at a file four times a second: a change is noticed within half of one.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        """Look at nothing yet.

        Args:
            path: The file; it need not be there.
        """
        self.path = path
        self._seen: tuple[int, ...] | None = None
        self._looking: asyncio.Task[None] | None = None

    def begin(self, look: Callable[[], None]) -> None:
        """Go on looking until `end`.

        Args:
            look: Called each time; it asks `has_changed`.
        """
        self._looking = asyncio.create_task(self._look_on(look))

    async def end(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    def has_changed(self) -> bool:
        """Return whether the file is another one than when this was asked last."""
        before, self._seen = self._seen, _version(self.path)
        return self._seen != before

    async def _look_on(self, look: Callable[[], None]) -> None:
        while True:
            await clock().sleep(LOOK_SECONDS)
            look()


def _version(path: Path) -> tuple[int, ...] | None:
    """Return what differs after each change of a file; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
