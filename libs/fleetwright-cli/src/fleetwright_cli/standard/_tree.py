"""The files of a repository: from the git index, or from the folders without git."""

import os
import stat
import subprocess
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

from fleetwright_cli._digests import digest_of

LARGEST_BYTES = 5_000_000
_NEVER_ENTERED = {".git", ".fleet", "venv", ".venv", "__pycache__", "node_modules"}
_LINK = 0o120000


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in the repository.

    Attributes:
        path: Where it is, with slashes, below the root.
        mode: As git writes it: file type and execute bits.
        tracked: Whether git has it in its index; always, where there is no git.
    """

    path: str
    mode: int = 0o100644
    tracked: bool = True

    @property
    def is_file(self) -> bool:
        """Whether it is a plain file: links and submodules are not followed."""
        return stat.S_ISREG(self.mode)

    @property
    def is_executable(self) -> bool:
        """Whether it may be run."""
        return bool(self.mode & 0o111)


@dataclass(slots=True)
class Tree:
    """All names of a repository, and their content on demand.

    What git ignores is not seen: it is nobody's to keep to a standard.

    Attributes:
        root: Its folder.
        entries: By path, in order.
        has_git: Whether the names come from git.
        key: What all its files are; empty where git does not tell.
    """

    root: Path
    entries: dict[str, Entry]
    has_git: bool = True
    key: str = ""
    _contents: dict[str, bytes] = field(default_factory=dict)
    _paths: list[str] = field(init=False)

    def __post_init__(self) -> None:
        """Put the paths in order, to find a folder among them."""
        self._paths = sorted(self.entries)

    @classmethod
    def of(cls, contents: Mapping[str, str | bytes], *, has_git: bool = True) -> "Tree":
        """Return a tree that is nowhere on disk.

        Args:
            contents: The files; one that begins with `#!` may be run.
            has_git: Whether they pass for tracked by git.
        """
        raw = {
            path: one.encode() if isinstance(one, str) else one
            for path, one in sorted(contents.items())
        }
        entries = {
            path: Entry(path, 0o100755 if one.startswith(b"#!") else 0o100644)
            for path, one in raw.items()
        }
        return cls(Path("/nowhere"), entries, has_git, _contents=raw)

    def read(self, path: str) -> bytes:
        """Return a file's content; empty when it is gone, closed or too large.

        Args:
            path: Its path below the root.
        """
        if path not in self._contents:
            self._contents[path] = self._read(path)
        return self._contents[path]

    def below(self, folder: str, suffix: str = "") -> Iterator[str]:
        """Yield the files below a folder.

        Args:
            folder: Its path, without a slash at the end; empty for the root.
            suffix: How their names end.
        """
        begin, end = self._range(folder)
        for path in islice(self._paths, begin, end):
            if path.endswith(suffix) and self.entries[path].is_file:
                yield path

    def has(self, path: str) -> bool:
        """Return whether there is a plain file of this path."""
        entry = self.entries.get(path)
        return entry is not None and entry.is_file

    def has_folder(self, folder: str) -> bool:
        """Return whether there is anything below a folder."""
        begin, end = self._range(folder)
        return end > begin

    def _range(self, folder: str) -> tuple[int, int]:
        """Return where in the sorted paths those below a folder are."""
        if not folder:
            return 0, len(self._paths)
        # "0" is the letter after "/".
        begin = bisect_left(self._paths, f"{folder}/")
        return begin, bisect_left(self._paths, f"{folder}0", begin)

    def _read(self, path: str) -> bytes:
        """Return what is on disk."""
        entry = self.entries.get(path)
        if entry is None or not entry.is_file:
            return b""
        try:
            with open(f"{self.root}/{path}", "rb") as file:
                content = file.read(LARGEST_BYTES + 1)
        except OSError:
            return b""
        return content if len(content) <= LARGEST_BYTES else b""


def read_tree(root: Path) -> Tree:
    """Return the names of the repository in a folder.

    Args:
        root: The folder of fleet.toml.
    """
    staged = git(root, "ls-files", "-z", "--cached", "--stage")
    others = git(root, "ls-files", "-z", "--others", "--exclude-standard")
    changed = git(root, "diff-files", "-z", "--name-only", "--relative")
    if staged is None or others is None or changed is None:
        return Tree(root, _walked(root), has_git=False)
    tree = Tree(root, _indexed(root, staged, others))
    # What git has in its index it names by content; the rest is looked at and read.
    own = (changed + others).split("\0")
    modes = [_looked_at(root, path, tracked=False) for path in own]
    contents = [tree.read(path) for path in own]
    tree.key = digest_of(staged, changed, others, repr(modes), *contents)
    return tree


def _indexed(root: Path, staged: str, others: str) -> dict[str, Entry]:
    """Return what git tracks or would track."""
    found: dict[str, Entry] = {}
    for line in staged.split("\0"):
        head, _, path = line.partition("\t")
        if path and os.path.lexists(f"{root}/{path}"):
            found[path] = Entry(path, int(head.split(" ", 1)[0], 8))
    for path in others.split("\0"):
        if path and (entry := _looked_at(root, path, tracked=False)):
            found[path] = entry
    return dict(sorted(found.items()))


def _walked(root: Path) -> dict[str, Entry]:
    """Return every name below a folder; links are named, never followed."""
    found: dict[str, Entry] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _NEVER_ENTERED)
        below = Path(folder).relative_to(root)
        for name in [*files, *folders]:
            path = str(PurePosixPath(below / name))
            entry = _looked_at(root, path, tracked=True)
            if entry is not None and not stat.S_ISDIR(entry.mode):
                found[path] = entry
    return dict(sorted(found.items()))


def _looked_at(root: Path, path: str, *, tracked: bool) -> Entry | None:
    """Return what is on disk; None where there is nothing, a pipe or a socket."""
    try:
        mode = os.lstat(f"{root}/{path}").st_mode
    except OSError:
        return None
    if stat.S_ISLNK(mode):
        return Entry(path, _LINK, tracked)
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return Entry(path, mode, tracked)
    return None


def git(root: Path, *words: str) -> str | None:
    """Return what git says; None where it is not there or refuses.

    Args:
        root: Where it is asked.
        *words: What.
    """
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, and names that git gave
            ["git", "-C", str(root), *words],  # noqa: S607 - the git of this machine
            capture_output=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="surrogateescape") if not done.returncode else None
