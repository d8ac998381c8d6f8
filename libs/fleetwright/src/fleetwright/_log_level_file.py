"""The file that changes the level of the log while a service runs."""

from pathlib import Path
from typing import Any, Literal

import structlog
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from fleetwright import _logs
from fleetwright._file_watch import FileWatch

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Wanted(BaseModel):
    """What is asked of one service.

    Attributes:
        level: The least level to write.
        at: When it was asked; the same level asked again is another wish.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Level
    at: str


_FILE = TypeAdapter(dict[str, Wanted])


class LogLevelFile:
    """The part that takes the level of this process's log from a file.

    What the file says when the service starts was asked of an earlier process: after a
    restart the configured level holds. One that cannot be read changes nothing and is
    logged once.

    Attributes:
        service: The service it is a part of.
    """

    def __init__(self, path: Path, configured: Level) -> None:
        """Look at nothing yet.

        Args:
            path: The file, written by `fleet log-level`.
            configured: The level while the file asks for no other.
        """
        self.service: str | None = None
        self._watch = FileWatch(path)
        self._configured = configured
        self._level = configured
        self._wanted: Wanted | None = None

    async def open(self) -> None:
        """Take what is there as known, and go on looking."""
        self._watch.has_changed()
        self._wanted = self._read()
        self._watch.begin(self.look)

    async def close(self) -> None:
        """Look no more; the configured level holds again."""
        await self._watch.end()
        self._use(self._configured)

    def facts(self) -> dict[str, Any]:
        """Return what /info shows: the level now, and the configured one."""
        return {"level": self._level, "configured": self._configured}

    def look(self) -> None:
        """Follow what was asked since the last look."""
        if not self._watch.has_changed():
            return
        wanted = self._read()
        if wanted != self._wanted:
            self._wanted = wanted
            self._use(self._configured if wanted is None else wanted.level)

    def _read(self) -> Wanted | None:
        """Return what is asked of this service; what was before where it is spoilt."""
        try:
            wanted = _FILE.validate_json(self._watch.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            why = str(error).splitlines()[0]
            _log.error("log_level.unreadable", file=str(self._watch.path), why=why)
            return self._wanted
        return wanted.get(self.service or "")

    def _use(self, level: Level) -> None:
        if level == self._level:
            return
        before, self._level = self._level, level
        # Said while it is still heard, or once it is heard again.
        if level == "ERROR":
            _log.warning("log_level.changed", level=level, before=before)
        _logs.use_level(level)
        if level != "ERROR":
            _log.warning("log_level.changed", level=level, before=before)
