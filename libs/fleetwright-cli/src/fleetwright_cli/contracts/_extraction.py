"""Each service asked for its contracts in its own interpreter, once for every state.

Importing a service runs its code: it is done in a process of its own, with a limit, and
without the variables of whoever types the command. The answer is kept by the content of
all that it depends on.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleetwright_cli._digests import digest_of_files
from fleetwright_cli._errors import FleetError
from fleetwright_cli.fleet import Fleet, Service
from fleetwright_cli.venvs import make, venv_of

CACHE = ".fleet/cache/contracts"
_SECONDS = 60.0
_AT_ONCE = 4
_PROGRAM = "fleetwright.contract"
# What an interpreter needs to run at all; settings are those a service has by default.
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "COVERAGE_PROCESS_CONFIG")


@dataclass(frozen=True, slots=True)
class Extraction:
    """What the code of services says.

    Attributes:
        said: By service: `openapi`, `asyncapi` and `needs`, each None or a document.
        failed: Why a service could not be asked.
    """

    said: Mapping[str, Mapping[str, Any]]
    failed: Mapping[str, FleetError]

    def require(self) -> None:
        """Raise the first error, if a service could not be asked.

        Raises:
            FleetError: It could not.
        """
        for error in self.failed.values():
            raise error


def extract(
    fleet: Fleet,
    services: Iterable[Service],
    tell: Callable[[str], None] = lambda text: None,
) -> Extraction:
    """Return what the code of services says of their contracts.

    Args:
        fleet: The fleet on disk.
        services: Which ones.
        tell: Gets a line when an environment is made.
    """
    said: dict[str, Mapping[str, Any]] = {}
    failed: dict[str, FleetError] = {}
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        waiting = {
            service.name: pool.submit(_said, fleet, service, tell)
            for service in services
        }
        for name, answer in waiting.items():
            try:
                said[name] = answer.result()
            except FleetError as error:
                failed[name] = error
    return Extraction(said, failed)


def _said(
    fleet: Fleet, service: Service, tell: Callable[[str], None]
) -> Mapping[str, Any]:
    """Return what one service says, from the cache where nothing has changed."""
    venv = venv_of(fleet, service)
    digest = _digest(fleet, service, venv.folder.name)
    file = fleet.root / CACHE / f"{service.name}-{digest[:16]}.json"
    try:
        kept: Mapping[str, Any] = json.loads(file.read_text("utf-8"))
        return kept
    except (OSError, ValueError):
        pass  # not there, or cut off while it was written
    make(venv, tell)
    text = _asked(service, venv.python)
    try:
        found: Mapping[str, Any] = json.loads(text)
    except ValueError:
        raise FleetError(
            f"{service.name} answered what is no JSON",
            where=text[:200],
            hint="its create_app must not print to stdout",
        ) from None
    _keep(file, text, service.name)
    return found


def _digest(fleet: Fleet, service: Service, environment: str) -> str:
    """Return what changes when the answer may: sources, libraries, environment."""
    folders = [service.folder / "src"]
    folders += [fleet.libraries[name].folder / "src" for name in service.libraries]
    files = [
        file
        for folder in folders
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix != ".pyc"
    ]
    names = (str(file.relative_to(fleet.root)) for file in files)
    own = digest_of_files([Path(__file__), service.folder / ".env"])
    return digest_of_files(files, own, environment, *names)


def _asked(service: Service, python: Path) -> str:
    """Return what the service's own interpreter prints."""
    environment = {k: v for k, v in os.environ.items() if k in _PASSED_ON}
    environment["PYTHONPATH"] = str(service.folder / "src")
    try:
        done = subprocess.run(  # noqa: S603 - the service's own interpreter
            [str(python), "-m", _PROGRAM, service.app],
            cwd=service.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FleetError(
            f"{service.name} did not tell its contracts within {_SECONDS:g} seconds",
            where=str(service.folder),
            hint="create_app must wait for nobody: parts open when it is served",
        ) from None
    if done.returncode == 0:
        return done.stdout.decode("utf-8", "replace")
    raise _failed(service.name, done.stderr.decode("utf-8", "replace"))


def _failed(service: str, said: str) -> FleetError:
    """Return the error a service told, its three parts taken apart again."""
    before, found, told = said.rpartition(f"{_PROGRAM}: ")
    lines = (told if found else before or said).strip().splitlines() or ["it is silent"]
    if not found:  # a traceback, or a runtime that cannot tell yet
        return FleetError(
            f"{service} could not tell its contracts: {lines[-1]}",
            where="\n".join(lines[-4:-1]),
            hint=f"`fleet lock {service}` brings its runtime up to date",
        )
    hints = [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
    where = [line.strip() for line in lines[1:] if line.startswith("  ")]
    return FleetError(
        f"{service}: {lines[0]}", where="\n".join(where), hint="\n".join(hints)
    )


def _keep(file: Path, text: str, service: str) -> None:
    """Keep an answer in the place of older ones; a full disk is no fault."""
    draft = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, "utf-8")
        for old in file.parent.glob(f"{service}-{'?' * 16}.json"):
            old.unlink(missing_ok=True)
        draft.replace(file)
    except OSError:
        draft.unlink(missing_ok=True)
