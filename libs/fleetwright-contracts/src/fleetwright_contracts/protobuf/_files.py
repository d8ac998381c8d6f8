"""Files: gone, of another package, and what is declared in which of them."""

from collections.abc import Mapping

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from fleetwright_contracts._protoc import SOURCE
from fleetwright_contracts.protobuf._changes import Changes
from fleetwright_contracts.protobuf._contract import Contract
from fleetwright_contracts.protobuf._options import compare_files
from fleetwright_contracts.protobuf._promises import Promise


def compare_all_files(changes: Changes) -> None:
    """Find what changed in files, and what stands in another than it stood in.

    Args:
        changes: What is compared.
    """
    pairs = _paired(changes.old, changes.new)
    for name, file in changes.old.files.items():
        now = changes.new.files.get(pairs.get(name, ""))
        if now is None or (now.name != name and not _are_sources(changes)):
            changes.tell(
                "file-removed",
                Promise.SOURCE,
                name,
                "the file is gone: nobody can import it",
                in_old=True,
                mend="keep it, deprecated",
            )
        if now is not None:
            _compare_packages(changes, file, now)
            compare_files(changes, file, now)
    _tell_moved(changes, pairs)


def _paired(old: Contract, new: Contract) -> Mapping[str, str]:
    """Return the new name of each file.

    It is the same, but for the file that was handed over: the last of a set, since
    what it imports comes before it. Two of them may lie side by side.
    """
    names = {name: name for name in old.files if name in new.files}
    if old.files and new.files:
        last, newest = list(old.files)[-1], list(new.files)[-1]
        if last not in new.files and newest not in old.files:
            names[last] = newest
    return names


def _are_sources(changes: Changes) -> bool:
    """Return whether both sides are files that were handed over by themselves."""
    return all(one.name.endswith(SOURCE) for one in (changes.old, changes.new))


def _compare_packages(
    changes: Changes, old: FileDescriptorProto, new: FileDescriptorProto
) -> None:
    """Compare the packages of a file: they are part of every name on the wire."""
    if old.package != new.package:
        changes.tell(
            "package-changed",
            Promise.WIRE,
            new.name,
            f"the package was `{old.package}` and is `{new.package}`",
            mend=f"keep the package `{old.package}`",
        )


def _tell_moved(changes: Changes, pairs: Mapping[str, str]) -> None:
    """Say what is in another file: who imports the old one finds it no longer."""
    for name, home in changes.old.homes.items():
        now = changes.new.homes.get(name)
        if now is not None and now != pairs.get(home, home):
            changes.tell(
                "declaration-moved",
                Promise.SOURCE,
                name,
                f"it was in {home} and is in {now}",
                mend=f"leave it in {home}",
            )
