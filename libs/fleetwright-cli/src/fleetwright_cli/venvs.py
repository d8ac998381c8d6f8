"""One virtual environment a lock digest, shared by services with equal locks."""

import fcntl
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleetwright_cli._digests import digest_of_files
from fleetwright_cli._errors import FleetError
from fleetwright_cli._uv import run_uv
from fleetwright_cli.fleet import Fleet, Service, direct_libraries, with_needed

READY = ".ready"
TEST_LOCK = "requirements-test.txt"


@dataclass(frozen=True, slots=True)
class Venv:
    """An environment that holds a service's locked packages and its libraries.

    Attributes:
        folder: Where it is.
        locks: The hashed locks it is made from, in the order of installing.
        libraries: Folders of the libraries installed by path.
    """

    folder: Path
    locks: tuple[Path, ...]
    libraries: tuple[Path, ...]

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def is_made(self) -> bool:
        """Return whether it was made completely."""
        return (self.folder / READY).is_file() and self.python.exists()


def venv_of(fleet: Fleet, service: Service, *, testing: bool = False) -> Venv:
    """Return the environment of a service, made or not.

    Args:
        fleet: The fleet.
        service: Which service.
        testing: Whether the packages of tests belong in it.

    Raises:
        FleetError: The service was never locked.
    """
    if not service.lock.is_file():
        raise FleetError(
            f"service `{service.name}` has no lock",
            where=str(service.lock),
            hint=f"run `fleet lock {service.name}`",
        )
    locks = (service.lock, *((fleet.root / TEST_LOCK,) if testing else ()))
    names = list(service.libraries)
    if testing:
        # Beside what the service is made of: what stands in for its neighbours.
        names += direct_libraries((fleet.root / TEST_LOCK).with_suffix(".in"))
    needed = with_needed(names, fleet.libraries)
    libraries = tuple(fleet.libraries[name].folder for name in sorted(needed))
    manifests = [folder / "pyproject.toml" for folder in libraries]
    digest = digest_of_files(
        [*locks, *manifests], sys.version, *map(str, libraries), sys.base_prefix
    )
    folder = fleet.root / ".fleet" / "venvs" / digest[:16]
    return Venv(folder, locks, libraries)


def make(venv: Venv, tell: Callable[[str], None] = lambda text: None) -> None:
    """Make an environment unless it is there; safe to call from several processes.

    Args:
        venv: Which one.
        tell: Gets a line when work begins.

    Raises:
        FleetError: A package cannot be had, or the disk refuses.
    """
    if venv.is_made():
        return
    with _alone(venv.folder):
        if venv.is_made():
            return
        names = ", ".join(lock.parent.name for lock in venv.locks[:1])
        tell(f"making the environment of {names} ({venv.folder.name})")
        shutil.rmtree(venv.folder, ignore_errors=True)
        _fill(venv)
        (venv.folder / READY).touch()


def _fill(venv: Venv) -> None:
    """Make the environment and install into it."""
    where, what = venv.folder.parent, f"making the environment {venv.folder.name}"
    run_uv(
        ["venv", "--python", sys.executable, str(venv.folder)], folder=where, what=what
    )
    install = ["pip", "install", "--python", str(venv.python), "--no-deps"]
    for lock in venv.locks:
        # Compiled here, once: where PYTHONDONTWRITEBYTECODE is set every process would
        # compile its packages again, which takes longer than all else it does.
        words = [*install, "--compile-bytecode", "--require-hashes", "-r", str(lock)]
        run_uv(
            words, folder=where, what=f"installing {lock.name} of {lock.parent.name}"
        )
    if venv.libraries:
        paths = [word for folder in venv.libraries for word in ("-e", str(folder))]
        run_uv([*install, *paths], folder=where, what="installing the libraries")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock file beside a folder, so that one process makes it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = folder.with_suffix(".lock").open("w")
    except OSError as error:
        raise FleetError(
            f"environments cannot be made: {error.strerror}",
            where=str(folder.parent),
            hint="make that folder writable",
        ) from error
    with beside:
        fcntl.flock(beside, fcntl.LOCK_EX)
        yield
