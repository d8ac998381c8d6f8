"""From old templates to new ones, around what was edited meanwhile."""

import difflib
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fleetwright_cli._errors import FleetError
from fleetwright_cli.scaffold._record import Record
from fleetwright_cli.scaffold._templates import Files

Kind = Literal["new", "updated", "merged", "removed", "conflict", "left"]
_LABELS = ("yours", "the template before", "the template now")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # as git has it: a form feed ends none
_MOST_CONFLICTS = 127  # what git can say by its exit code; more is its own failure


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one file.

    Attributes:
        path: Where it is below the root.
        kind: `new`, `updated` (nobody had edited it), `merged` with what was edited,
            `removed`; `conflict` where both changed the same lines; `left` as it is
            because it was deleted, or edited and the templates have it no more.
        before: What is there; None for nothing.
        after: What is to be there; with markers in a conflict.
        pristine: What the templates say; None where they have it no more.
    """

    path: str
    kind: Kind
    before: str | None
    after: str | None
    pristine: str | None

    @property
    def diff(self) -> str:
        """What changes, as a patch that can be read and applied."""
        lines = difflib.unified_diff(
            _LINE.findall(self.before or ""),
            _LINE.findall(self.after or ""),
            "/dev/null" if self.before is None else f"a/{self.path}",
            "/dev/null" if self.after is None else f"b/{self.path}",
        )
        return "".join(
            one if one.endswith("\n") else f"{one}\n\\ No newline at end of file\n"
            for one in lines
        )


def changes(root: Path, pristine: Mapping[str, str], fresh: Files) -> list[Change]:
    """Return what new templates change; writes nothing.

    Args:
        root: The fleet's folder.
        pristine: The files as the old templates had them.
        fresh: The files as the new ones have them.

    Raises:
        FleetError: A file cannot be read, or git is not there.
    """
    paths = sorted({*pristine, *fresh})
    found = (
        _change(root, one, pristine.get(one), fresh.get(one))
        for one in paths
        if pristine.get(one) != fresh.get(one)
    )
    return [one for one in found if one is not None]


def apply(
    root: Path, record: Record, those: Iterable[Change], *, with_markers: bool = False
) -> Iterator[Change]:
    """Write changes; conflicts only when asked for.

    Args:
        root: The fleet's folder.
        record: Where the pristine files are kept.
        those: The changes.
        with_markers: Whether conflicts are written, for somebody to settle.

    Yields:
        What was written.
    """
    for one in those:
        if one.kind == "conflict" and not with_markers:
            continue
        if one.after != one.before:
            _write(root / one.path, one.after)
            yield one
        record.keep_pristine(one.path, one.pristine)


def _change(root: Path, path: str, old: str | None, new: str | None) -> Change | None:
    """Return what becomes of one file whose template changed."""
    now = _text(root / path)
    if now == new:
        return Change(path, "left", now, now, new)
    if now == old:
        kind: Kind = "new" if now is None else "removed" if new is None else "updated"
        return Change(path, kind, now, new, new)
    if now is None or new is None:
        return Change(path, "left", now, now, new)
    merged, is_clean = three_way(now, old or "", new)
    return Change(path, "merged" if is_clean else "conflict", now, merged, new)


def three_way(yours: str, old: str, new: str) -> tuple[str, bool]:
    """Return a text with both changes in it, and whether they fit together.

    Args:
        yours: The text with what was edited.
        old: What both come from.
        new: The text with what the templates changed.

    Raises:
        FleetError: git is not there, or cannot do it.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = ["git", "merge-file", "-p", "--zdiff3"]
        for label in _LABELS:
            words += ["-L", label]
        for name, text in (("yours", yours), ("old", old), ("new", new)):
            Path(folder, name).write_bytes(text.encode())
            words.append(name)
        try:
            done = subprocess.run(  # noqa: S603 - fixed words
                words, cwd=folder, capture_output=True, check=False
            )
        except OSError as error:
            raise FleetError(
                f"git cannot be run: {error.strerror}",
                hint="install git: edits and templates are brought together by it",
            ) from error
    if not 0 <= done.returncode <= _MOST_CONFLICTS:
        raise FleetError(
            "git cannot bring two texts together",
            where=done.stderr.decode(errors="replace").strip(),
            hint="git 2.35 or newer is needed, and text files",
        )
    return done.stdout.decode(), done.returncode == 0


def _text(path: Path) -> str | None:
    """Return what is in a file; None where there is none."""
    try:
        return path.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FleetError(
            f"a scaffolded file cannot be read: {error}",
            where=str(path),
            hint="make it a readable UTF-8 text file, or move it away",
        ) from error


def _write(path: Path, text: str | None) -> None:
    """Put a text in a file, or take the file away."""
    try:
        if text is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        if text.startswith("#!"):
            path.chmod(0o755)
    except OSError as error:
        raise FleetError(
            f"a file cannot be written: {error.strerror}",
            where=str(path),
            hint="make that place writable, then run the command again",
        ) from error
