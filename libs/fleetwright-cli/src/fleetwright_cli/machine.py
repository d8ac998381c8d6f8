"""What this machine has of what a fleet needs, each lack with its mend."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from fleetwright_cli._errors import FleetError
from fleetwright_cli._uv import uv_binary
from fleetwright_cli.fleet import Fleet
from fleetwright_cli.locks import locks_of

NEEDED_BYTES = 2_000_000_000
# Where SQLite's WAL-reset bug is mended: https://sqlite.org/wal.html#walresetbug
MENDED_SQLITE = ((3, 51, 3), (3, 50, 7), (3, 44, 6))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        name: What was looked at.
        state: `ok`, `missing` (needed) or `absent` (only needed for some commands).
        detail: What was found.
        hint: The mend; empty when all is well.
    """

    name: str
    state: str
    detail: str
    hint: str = ""

    def facts(self) -> dict[str, str]:
        """Return the same as JSON-ready values."""
        return asdict(self)


def look(fleet: Fleet) -> list[Finding]:
    """Return what was found on this machine.

    Args:
        fleet: The fleet that is to run here.
    """
    looks: list[Callable[[Fleet], Iterator[Finding]]] = [
        _python,
        _uv,
        _sqlite,
        _locks,
        _disk,
        _docker,
        _browser,
    ]
    return [finding for one in looks for finding in one(fleet)]


def _python(fleet: Fleet) -> Iterator[Finding]:
    least = tuple(int(part) for part in fleet.manifest.fleet.python.split("."))
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= least:
        yield Finding("python", "ok", version)
    else:
        hint = f"install Python {fleet.manifest.fleet.python} and remove venv/"
        yield Finding("python", "missing", version, hint)
    if sys.prefix == sys.base_prefix:
        hint = "run ./fleet: it makes venv/ on first use"
        yield Finding("virtual environment", "missing", sys.prefix, hint)


def _uv(fleet: Fleet) -> Iterator[Finding]:
    try:
        yield Finding("uv", "ok", uv_binary())
    except FleetError as error:
        yield Finding("uv", "missing", error.message, error.hint)


def sqlite_is_mended(version: tuple[int, ...]) -> bool:
    """Return whether a SQLite version may be used by several processes in WAL mode.

    Args:
        version: Such as (3, 51, 3).
    """
    newest = MENDED_SQLITE[0]
    if version >= newest:
        return True
    return any(
        version[:2] == mended[:2] and version >= mended for mended in MENDED_SQLITE[1:]
    )


def _sqlite(fleet: Fleet) -> Iterator[Finding]:
    version = sqlite3.sqlite_version
    if sqlite_is_mended(sqlite3.sqlite_version_info):
        yield Finding("sqlite", "ok", version)
        return
    locked = [
        service.name
        for service in fleet.services.values()
        if service.lock.is_file()
        and "sqlalchemy==" in (text := service.lock.read_text(encoding="utf-8"))
        and "pysqlite3==" not in text
    ]
    if locked:
        detail = f"{version} can lose pages; not mended in: {', '.join(locked)}"
        hint = "use fleetwright[sqlite] in requirements.in, then `fleet lock`"
        yield Finding("sqlite", "missing", detail, hint)
    else:
        yield Finding("sqlite", "ok", f"{version} here, services bring a mended one")


def _locks(fleet: Fleet) -> Iterator[Finding]:
    stale = [lock.name for lock in locks_of(fleet) if not lock.is_fresh]
    if stale:
        yield Finding("locks", "missing", f"stale: {', '.join(stale)}", "fleet lock")
    else:
        yield Finding("locks", "ok", "fresh")


def _disk(fleet: Fleet) -> Iterator[Finding]:
    free = shutil.disk_usage(fleet.root).free
    detail = f"{free / 1e9:.1f} GB free"
    if free < NEEDED_BYTES:
        yield Finding("disk", "missing", detail, "free 2 GB where the fleet is")
    else:
        yield Finding("disk", "ok", detail)


def _docker(fleet: Fleet) -> Iterator[Finding]:
    docker = shutil.which("docker")
    if docker is None:
        hint = "needed for images only: install Docker Engine"
        yield Finding("docker", "absent", "not installed", hint)
        return
    try:
        done = subprocess.run(  # noqa: S603 - found on PATH, fixed words
            [docker, "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=5,
        )
    except subprocess.TimeoutExpired:
        yield Finding("docker", "absent", "no answer in 5 s", "restart the engine")
        return
    if done.returncode == 0:
        yield Finding("docker", "ok", f"engine {done.stdout.strip()}")
    else:
        hint = "needed for images only: start the engine"
        yield Finding("docker", "absent", "no engine answers", hint)


def _browser(fleet: Fleet) -> Iterator[Finding]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found:
        yield Finding("browser", "ok", found)
    elif Path(fleet.root / "tests").is_dir():
        hint = "needed for browser tests only: install Chromium"
        yield Finding("browser", "absent", "no Chromium", hint)
