"""The file that switches faults on, looked at while a service runs."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog
from pydantic import ValidationError

from fleetwright import _faults
from fleetwright._clock import clock
from fleetwright._faults import FaultList, Plan
from fleetwright._settings import Settings
from fleetwright.errors import SettingsError

LOOK_SECONDS: Final = 0.25
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class FaultFile:
    """The part that makes a file the fault plan of this process.

    A change is noticed within half a second. A file that is not there switches all
    faults off; one that cannot be read changes nothing and is logged once.

    Attributes:
        service: The service it is a part of.
    """

    def __init__(self, path: Path) -> None:
        """Look at nothing yet.

        Args:
            path: The file, written by `fleet faults`.
        """
        self.service: str | None = None
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self._own: Plan | None = None
        self._looking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read the file and go on looking at it."""
        self.look()
        self._looking = asyncio.create_task(self._look_on())

    async def close(self) -> None:
        """Look no more and switch all faults off."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
        self._switch(None)

    def facts(self) -> dict[str, object]:
        """Return what /info shows: which faults are on, and how often each struck."""
        own = self._own
        return {
            "file": str(self._path),
            "seed": None if own is None else own.seed,
            "struck": {} if own is None else own.struck(),
        }

    async def _look_on(self) -> None:
        while True:
            await clock().sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Follow what has changed since the last look."""
        seen = _version(self._path)
        if seen != self._seen:
            self._seen = seen
            self._read()
        if self._own is not None and self._own.is_over():
            self._switch(None)

    def _read(self) -> None:
        """Make what the file says the plan."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            self._switch(None)
            return
        except OSError as error:
            _log.error("faults.unreadable", file=str(self._path), why=error.strerror)
            return
        try:
            wanted = FaultList.model_validate_json(text)
        except ValidationError as error:
            why = "; ".join(_mistakes(error))
            _log.error("faults.unreadable", file=str(self._path), why=why)
            return
        new = Plan(wanted, self.service or "", before=self._own)
        self._switch(None if new.is_over() else new, wanted)

    def _switch(self, new: Plan | None, wanted: FaultList | None = None) -> None:
        old, self._own = self._own, new
        if old is None and new is None:
            return
        _faults.use_plan(new)
        if new is None:
            struck = {} if old is None else old.struck()
            _log.warning("faults.switched_off", struck=struck)
        elif wanted is not None:
            on = [fault.model_dump(mode="json") for fault in wanted.faults]
            _log.warning("faults.switched_on", seed=new.seed, faults=on)


def _version(path: Path) -> tuple[int, ...] | None:
    """Return what differs after each change of a file; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _mistakes(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False)
    ]


def fault_file(settings: Settings, path: Path) -> FaultFile:
    """Return the part that follows a file of faults, where faults may be injected.

    Args:
        settings: What the service read from its environment.
        path: The file.

    Raises:
        SettingsError: The service runs in production, without leave for faults.
    """
    if settings.environment == "production" and not settings.faults_allowed:
        raise SettingsError(
            f"FLEET_FAULTS={path} would let faults be injected in production",
            where=f"read by {type(settings).__name__}.fleet_faults",
            hint="unset FLEET_FAULTS, or set ENVIRONMENT=development"
            " (FAULTS_ALLOWED=true for an exercise in production)",
        )
    return FaultFile(path)
