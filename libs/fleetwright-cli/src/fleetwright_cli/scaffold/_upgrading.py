"""Brings scaffolded files, and what is vendored, to the version of this tool."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.fleet import discover
from fleetwright_cli.locks import Lock, locks_of
from fleetwright_cli.scaffold._making import Tell, files_of, lock_all
from fleetwright_cli.scaffold._merge import Change, apply, changes
from fleetwright_cli.scaffold._protos import compile_protos
from fleetwright_cli.scaffold._record import NAME, Record
from fleetwright_cli.scaffold._templates import VENDORED, Files
from fleetwright_cli.scaffold._vendor import home, vendor, vendored_digest


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a fleet is from the templates of this tool.

    Attributes:
        changes: What the new templates change.
        edited: Scaffolded files that were edited, or deleted, since.
        vendored: Libraries that came with the tool and are older, or other, now.
        spoiled: Those of them that somebody edited: they cannot be replaced.
    """

    changes: tuple[Change, ...]
    edited: tuple[str, ...]
    vendored: tuple[str, ...]
    spoiled: tuple[str, ...]

    @property
    def conflicts(self) -> tuple[Change, ...]:
        """What cannot be brought together without a person."""
        return tuple(one for one in self.changes if one.kind == "conflict")

    @property
    def is_none(self) -> bool:
        """Whether there is nothing to be done."""
        return not self.changes and not self.vendored


def drift_of(root: Path, service: str | None = None) -> Drift:
    """Return how far a fleet is from the templates of this tool; writes nothing.

    Args:
        root: The fleet's folder.
        service: The only service or library to look at; None for all.

    Raises:
        FleetError: The fleet was not scaffolded, or has no such service.
    """
    record = Record(root)
    pristine = record.pristine()
    if not pristine:
        raise FleetError(
            "nothing here was made by `fleet new` or `fleet add`",
            where=f"{root / NAME} is not there",
            hint="`fleet add service NAME` adds what can be upgraded later",
            exit_code=WRONG_ARGUMENTS,
        )
    fresh = files_of(record)
    if service is not None:
        fresh, pristine = _only(record, service, fresh, pristine)
    edited = [one for one, text in pristine.items() if _differs(root / one, text)]
    kept = record.vendored() if service is None else {}
    other = [one for one in VENDORED if one in kept and _moved(root, one)]
    spoiled = [one for one in other if vendored_digest(root, one) != kept[one]]
    those = changes(root, pristine, fresh)
    return Drift(tuple(those), tuple(edited), tuple(other), tuple(spoiled))


def upgrade(
    root: Path, drift: Drift, tell: Tell, *, with_markers: bool = False
) -> tuple[Change, ...]:
    """Bring a fleet to the templates of this tool, and lock what became stale.

    Args:
        root: The fleet's folder.
        drift: How far it is from them.
        tell: Gets a line when something begins.
        with_markers: Whether conflicts are written, for somebody to settle.

    Returns:
        What was written.

    Raises:
        FleetError: What is vendored was edited, or a lock cannot be made.
    """
    if drift.spoiled:
        names = ", ".join(f"libs/{one}" for one in drift.spoiled)
        raise FleetError(
            f"{names}: edited here, and another one in this version",
            where="an upgrade replaces it, and would lose what was edited",
            hint="move the edit elsewhere, `git checkout` the folder, then upgrade",
        )
    record = Record(root)
    for name in drift.vendored:
        tell(f"replacing libs/{name}")
        vendor(root, name)
    if drift.vendored:
        kept = record.vendored()
        fresh = {one: vendored_digest(root, one) for one in drift.vendored}
        record.keep_vendored(kept | fresh)
    written = tuple(apply(root, record, drift.changes, with_markers=with_markers))
    for folder in sorted({_folder(one.path) for one in written if _is_proto(one)}):
        compile_protos(root / folder)
    lock_all(_stale(root), tell)
    return written


def _only(
    record: Record, name: str, fresh: Files, pristine: Files
) -> tuple[Files, Files]:
    """Return the files of one service or library."""
    known = {**record.libraries, **record.services}
    if name not in known:
        raise FleetError(
            f"`{name}` was not made by `fleet add`",
            where=f"these were: {', '.join(sorted(known)) or 'none'}",
            hint="name one of these, or none for all",
            exit_code=WRONG_ARGUMENTS,
        )
    folders = [f"services/{name}/", f"libs/{name}/"]
    if name in record.services:
        folders.append(f"libs/{record.services[name].contract}/")
    inside = tuple(folders)
    return (
        {path: text for path, text in fresh.items() if path.startswith(inside)},
        {path: text for path, text in pristine.items() if path.startswith(inside)},
    )


def _moved(root: Path, name: str) -> bool:
    """Return whether a vendored library is another one than this tool's."""
    return vendored_digest(root, name) != vendored_digest(home(), name)


def _differs(path: Path, text: str) -> bool:
    """Return whether a file is not what the template said."""
    return not path.is_file() or path.read_bytes() != text.encode()


def _stale(root: Path) -> Sequence[Lock]:
    """Return the locks that what was written made stale."""
    return [one for one in locks_of(discover(root)) if not one.is_fresh]


def _is_proto(change: Change) -> bool:
    """Return whether code is generated from what changed."""
    return change.path.endswith(".proto") and change.kind != "removed"


def _folder(path: str) -> str:
    """Return the library of a file."""
    return "/".join(path.split("/")[:2])
