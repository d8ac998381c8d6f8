"""Makes a fleet, and adds services and libraries to one."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleetwright_cli._errors import FleetError
from fleetwright_cli.fleet import Fleet, discover
from fleetwright_cli.locks import Lock, compile_lock, locks_of
from fleetwright_cli.scaffold._answers import (
    FleetAnswers,
    LibraryAnswers,
    ServiceAnswers,
)
from fleetwright_cli.scaffold._git import is_inside_repository, start_repository
from fleetwright_cli.scaffold._merge import Change, apply, changes
from fleetwright_cli.scaffold._protos import compile_protos, require_compiler
from fleetwright_cli.scaffold._record import Record
from fleetwright_cli.scaffold._templates import (
    VENDORED,
    Files,
    files_of_fleet,
    files_of_library,
    files_of_service,
)
from fleetwright_cli.scaffold._vendor import home, vendor, vendored_digest

Tell = Callable[[str], None]
_OWN_LOCKS = ("requirements-dev.txt", "requirements-test.txt")


@dataclass(frozen=True, slots=True)
class Added:
    """What was added.

    Attributes:
        written: Files that are new or changed.
        conflicts: Files that were edited where the new one belongs: left as they are.
    """

    written: tuple[Change, ...]
    conflicts: tuple[Change, ...]


def files_of(record: Record) -> Files:
    """Return every file that the templates of this version give to a fleet.

    Args:
        record: What the fleet was made with.
    """
    services = record.services.values()
    libraries = record.libraries.values()
    found: Files = {}
    if record.fleet is not None:
        found |= files_of_fleet(record.fleet, services, libraries)
    inside = record.fleet or FleetAnswers("fleet", "")
    for service in services:
        found |= files_of_service(service, inside)
    for library in libraries:
        found |= files_of_library(library, inside)
    return found


def make_fleet(
    target: Path,
    answers: FleetAnswers,
    service: ServiceAnswers | None,
    *,
    git: bool,
    tell: Tell,
    finish: Callable[[Path], object] = lambda root: None,
) -> None:
    """Make a fleet in a folder; there is all of it or nothing.

    Args:
        target: The folder: missing or empty.
        answers: What it is made with.
        service: Its first service; None for none.
        git: Whether it becomes a git repository, unless it is in one.
        tell: Gets a line when something begins.
        finish: Writes what is made from all other files.

    Raises:
        FleetError: The place refuses, or a lock cannot be made.
    """
    source = home()
    draft = target.with_name(f".{target.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        _fill(draft, answers, service, source, tell)
        if git and not is_inside_repository(target.parent):
            start_repository(draft)
        finish(draft)
        if target.exists():
            target.rmdir()
        os.replace(draft, target)
    except OSError as error:
        raise FleetError(
            f"the fleet cannot be made: {error.strerror}",
            where=str(error.filename or target),
            hint="make that place writable, or choose another",
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def add_service(root: Path, answers: ServiceAnswers, tell: Tell) -> Added:
    """Add a service to a fleet.

    Args:
        root: The fleet's folder.
        answers: What it is made with.
        tell: Gets a line when something begins.

    Returns:
        What was written, and what could not be.

    Raises:
        FleetError: A lock cannot be made; the files are there.
    """
    answers.require_sense()
    if answers.framework == "grpc":
        require_compiler()
    record = Record(root)
    inside = record.fleet or FleetAnswers(discover(root).manifest.fleet.name, "")
    record.keep(answers)
    added = _write(root, record, files_of_service(answers, inside))
    if answers.framework == "grpc":
        compile_protos(root / "libs" / answers.contract)
    fleet = discover(root)
    lock_all(locks_of(fleet, [answers.name]), tell)
    return added


def add_library(root: Path, answers: LibraryAnswers) -> Added:
    """Add a library to a fleet.

    Args:
        root: The fleet's folder.
        answers: What it is made with.

    Returns:
        What was written, and what could not be.
    """
    record = Record(root)
    inside = record.fleet or FleetAnswers(discover(root).manifest.fleet.name, "")
    record.keep(answers)
    return _write(root, record, files_of_library(answers, inside))


def lock_all(locks: Sequence[Lock], tell: Tell) -> None:
    """Write locks, from what is kept on this machine where that is enough.

    Args:
        locks: Which ones.
        tell: Gets a line for each.

    Raises:
        FleetError: The requirements cannot be met, or the index cannot be reached.
    """
    for one in locks:
        tell(f"locking {one.name}")
        try:
            compile_lock(one, offline=True)
        except FleetError:
            compile_lock(one)


def own_locks(fleet: Fleet) -> list[Lock]:
    """Return the locks at the root of a fleet.

    Args:
        fleet: The fleet.
    """
    return [one for one in locks_of(fleet) if one.target.parent == fleet.root]


def _fill(
    root: Path,
    answers: FleetAnswers,
    service: ServiceAnswers | None,
    source: Path,
    tell: Tell,
) -> None:
    """Write all files of a new fleet."""
    record = Record(root)
    record.keep(answers)
    tell("copying the runtime and the tool")
    for name in VENDORED:
        vendor(root, name)
    record.keep_vendored({one: vendored_digest(root, one) for one in VENDORED})
    _write(root, record, {})
    for name in _OWN_LOCKS:
        # Versions that were tested together, where they are known; none is moved.
        if (source / name).is_file():
            shutil.copyfile(source / name, root / name)
    lock_all(own_locks(discover(root)), tell)
    if service is not None:
        add_service(root, service, tell)


def _write(root: Path, record: Record, unit: Files) -> Added:
    """Write the files of a unit, and those at the root that name it."""
    pristine = record.pristine()
    wanted = dict(unit)
    if record.fleet is not None:
        wanted |= files_of_fleet(
            record.fleet, record.services.values(), record.libraries.values()
        )
    before = {path: text for path, text in pristine.items() if path in wanted}
    those = changes(root, before, wanted)
    conflicts = tuple(one for one in those if one.kind == "conflict")
    return Added(tuple(apply(root, record, those)), conflicts)
