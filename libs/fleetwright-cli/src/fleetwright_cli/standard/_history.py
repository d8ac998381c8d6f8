"""What git knows beside the files: what was there before, and this clone's hook."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from fleetwright_cli.standard._tree import git


class Before(Protocol):
    """The repository before the change that is looked at."""

    @property
    def names(self) -> frozenset[str]:
        """Its files; none when there was nothing."""
        ...

    def text(self, path: str) -> str:
        """Return what a file held; empty when it was not there."""
        ...

    def is_touched(self, folder: str) -> bool:
        """Return whether the change adds or alters a file below a folder."""
        ...


@dataclass(frozen=True)
class Commit:
    """A commit of a repository on disk.

    Attributes:
        root: The folder of fleet.toml.
        name: Which commit.
    """

    root: Path
    name: str

    @cached_property
    def names(self) -> frozenset[str]:
        """Its files below the root."""
        listed = git(self.root, "ls-tree", "-r", "-z", "--name-only", self.name)
        return frozenset((listed or "").split("\0")) - {""}

    def text(self, path: str) -> str:
        """Return what a file held; empty when it was not there.

        Args:
            path: Its path below the root.
        """
        return git(self.root, "show", f"{self.name}:./{path}") or ""

    def is_touched(self, folder: str) -> bool:
        """Return whether a file below a folder is new or has changed since.

        Args:
            folder: Its path below the root.
        """
        changed = git(self.root, "diff", "--name-only", self.name, "--", folder)
        others = git(
            self.root, "ls-files", "--others", "--exclude-standard", "--", folder
        )
        return bool(changed or others)


@dataclass(frozen=True, slots=True)
class History:
    """What a clone knows beside its files.

    Attributes:
        before: The repository before the change; None where there is no history.
        hook: What runs before a commit here, empty for nothing; None where nobody
            commits, as in CI.
    """

    before: Before | None = None
    hook: str | None = None

    @property
    def key(self) -> str:
        """What tells one state of it from another."""
        since = self.before.name if isinstance(self.before, Commit) else ""
        return f"{since} {self.hook}"


def read_history(root: Path, against: str) -> History:
    """Return what git knows of a repository.

    On a branch the change is all since it left main; on main it is the last commit,
    which after a merge is what was merged. What is not committed yet belongs to it.

    Args:
        root: The folder of fleet.toml.
        against: The branch that changes go to.
    """
    said = git(root, "rev-parse", "--git-path", "hooks/pre-commit", "HEAD")
    if said is None:
        return History()
    place, head = said.splitlines()[:2]
    hook = None if os.environ.get("CI") else _text(root / place)
    left = (git(root, "merge-base", "HEAD", one) for one in (against, "main"))
    base = next((one.strip() for one in left if one and one.strip() != head), "")
    base = base or (git(root, "rev-parse", "--verify", "-q", "HEAD^") or "").strip()
    return History(Commit(root, base) if base else None, hook)


def _text(path: Path) -> str:
    """Return a file's text; empty when it cannot be read."""
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
