"""The file that switches faults on, looked at while a service runs."""

from pathlib import Path

import structlog
from pydantic import ValidationError

from fleetwright import _faults
from fleetwright._faults import FaultList, Plan
from fleetwright._file_watch import FileWatch
from fleetwright._settings import Settings
from fleetwright.errors import SettingsError

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
        self._watch = FileWatch(path)
        self._own: Plan | None = None

    async def open(self) -> None:
        """Read the file and go on looking at it."""
        self.look()
        self._watch.begin(self.look)

    async def close(self) -> None:
        """Look no more and switch all faults off."""
        await self._watch.end()
        self._switch(None)

    def facts(self) -> dict[str, object]:
        """Return what /info shows: which faults are on, and how often each struck."""
        own = self._own
        return {
            "file": str(self._watch.path),
            "seed": None if own is None else own.seed,
            "struck": {} if own is None else own.struck(),
        }

    def look(self) -> None:
        """Follow what has changed since the last look."""
        if self._watch.has_changed():
            self._read()
        if self._own is not None and self._own.is_over():
            self._switch(None)

    def _read(self) -> None:
        """Make what the file says the plan."""
        try:
            text = self._watch.path.read_bytes()
        except FileNotFoundError:
            self._switch(None)
            return
        except OSError as error:
            _log.error(
                "faults.unreadable", file=str(self._watch.path), why=error.strerror
            )
            return
        try:
            wanted = FaultList.model_validate_json(text)
        except ValidationError as error:
            why = "; ".join(_mistakes(error))
            _log.error("faults.unreadable", file=str(self._watch.path), why=why)
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
