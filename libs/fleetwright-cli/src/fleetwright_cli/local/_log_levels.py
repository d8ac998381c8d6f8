"""The log levels of running services: asked of each, changed by a file they read."""

import fcntl
import json
import time
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.local import _ports
from fleetwright_cli.local._status import State

FILE: Final = "log-levels.json"  # in the folder of the run, read by the services
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
CONFIGURED: Final = "CONFIGURED"  # the service's own level, whatever that is
_ANSWER_SECONDS = 2.0
_TAKEN_SECONDS = 15.0
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class LogLevel:
    """What one process logs at.

    Attributes:
        name: The process.
        service: Whose it is.
        level: The least level that it writes; None where it does not say.
        configured: The level that holds after a restart; None where it does not say.
    """

    name: str
    service: str
    level: str | None = None
    configured: str | None = None

    def facts(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return asdict(self)


def level_of(text: str) -> str:
    """Return a level as services know it.

    Args:
        text: What was typed, `debug` or `configured`.

    Raises:
        FleetError: It is none.
    """
    level = text.strip().upper()
    if level not in (*LEVELS, CONFIGURED):
        raise FleetError(
            f"`{text[:40]}` is not a level",
            hint="choose debug, info, warning, error, or configured",
            exit_code=WRONG_ARGUMENTS,
        )
    return level


def levels(statuses: Iterable[Mapping[str, Any]]) -> list[LogLevel]:
    """Return what each running process says that it logs at.

    Args:
        statuses: `Status.facts()` of processes.
    """
    return [_asked(facts) for facts in statuses]


def _asked(facts: Mapping[str, Any]) -> LogLevel:
    names = (str(facts["name"]), str(facts["service"]))
    if facts["state"] not in (State.READY, State.DEGRADED, State.UNREADY):
        return LogLevel(*names)
    try:
        # The supervisor itself says where its services are.
        with urllib.request.urlopen(  # noqa: S310
            f"{facts['url']}/info", None, _ANSWER_SECONDS
        ) as info:
            said = json.load(info)["parts"]["LogLevelFile"]
            return LogLevel(*names, str(said["level"]), str(said["configured"]))
    except (OSError, ValueError, KeyError, TypeError):
        return LogLevel(*names)  # it goes, or runs on something else


def wish(file: Path, service: str, level: str) -> None:
    """Have a service log at a level from now on, until it starts anew.

    Args:
        file: The file that the services read.
        service: Which one.
        level: One of `LEVELS`, or `CONFIGURED`.
    """
    with file.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            known = dict(json.loads(file.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            known = {}
        known.pop(service, None)
        if level != CONFIGURED:
            known[service] = {"level": level, "at": datetime.now(UTC).isoformat()}
        _ports.write_whole(file, json.dumps(known, indent=2) + "\n")


def change(
    file: Path, service: str, level: str, statuses: Iterable[Mapping[str, Any]]
) -> list[LogLevel]:
    """Change a service's level, and wait until each of its processes says so.

    Args:
        file: The file that the services read.
        service: Which one.
        level: One of `LEVELS`, or `CONFIGURED`.
        statuses: `Status.facts()` of its processes.

    Returns:
        At which level each of its processes logs now.

    Raises:
        FleetError: None of its processes reads the file, or one has not taken it.
    """
    own = [facts for facts in statuses if facts["service"] == service]
    if all(one.level is None for one in levels(own)):
        raise FleetError(
            f"{service} does not say at which level it logs",
            hint="it must run, and on this runtime: see it with `fleet ps`",
        )
    wish(file, service, level)
    until = time.monotonic() + _TAKEN_SECONDS
    while True:
        found = levels(own)
        late = [one.name for one in found if not _is_at(one, level)]
        if not late:
            return found
        if time.monotonic() > until:
            raise FleetError(
                f"{', '.join(late)} has not taken the level yet",
                hint="look again with `fleet log-level`, or see `fleet logs`",
            )
        time.sleep(_LOOK_SECONDS)


def _is_at(one: LogLevel, level: str) -> bool:
    wanted = one.configured if level == CONFIGURED else level
    return one.level is None or one.level == wanted
