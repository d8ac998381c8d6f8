"""What changed since a commit: committed, staged, not staged, not even known to git."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError

SECONDS = 60


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs from a commit.

    Attributes:
        root: The fleet's root.
        paths: The files, below the root; what was renamed has both its names.
        since: What it is compared with, in words.
        base: The commit that is compared with; empty where there is none.
        everything: Why everything counts as changed; empty when it does not.
    """

    root: Path
    paths: tuple[str, ...]
    since: str
    base: str = ""
    everything: str = ""

    def before(self, path: str) -> bytes | None:
        """Return what a file held in the commit; None when it was not there.

        Args:
            path: Its path below the root.
        """
        return _git(self.root, "show", f"{self.base}:./{path}") if self.base else None


def changes_since(root: Path, since: str | None, usual: str) -> Changes:
    """Return what changed since the merge base with a commit.

    Args:
        root: The fleet's root.
        since: What was asked for; None for the usual.
        usual: What is compared with when nothing was asked for, such as `origin/main`.

    Raises:
        FleetError: There is no such commit as was asked for.
    """
    if _git(root, "rev-parse", "HEAD") is None:
        return Changes(root, (), "", everything="there is no git history here")
    found = _known(root, since or usual)
    if found is None and since is None and "/" in usual:
        usual = usual.partition("/")[2]
        found = _known(root, usual)
    if found is None and since is not None:
        raise FleetError(
            f"`{since}` is no commit here",
            hint="fetch it, or name another one: `fleet test --since HEAD~1`",
            exit_code=WRONG_ARGUMENTS,
        )
    name = since or usual
    if found is None:
        return Changes(root, (), name, everything=f"`{name}` is not known here")
    if _line(root, "rev-parse", "--is-shallow-repository") == "true":
        why = "this is a shallow clone (`git fetch --unshallow` mends it)"
        return Changes(root, (), name, everything=why)
    base = _line(root, "merge-base", found, "HEAD")
    if not base:
        why = f"there is no history in common with `{name}`"
        return Changes(root, (), name, everything=why)
    return Changes(root, _changed(root, base), f"{name} ({base[:9]})", base)


def _changed(root: Path, base: str) -> tuple[str, ...]:
    """Return the paths that differ from a commit, in order."""
    names = ("--name-only", "-z", "--no-renames", "--relative", "--no-ext-diff")
    lists = (
        _git(root, "diff", *names, base),
        _git(root, "diff", *names, "--cached", base),
        _git(root, "ls-files", "-z", "--others", "--exclude-standard"),
    )
    found: set[str] = set()
    for raw in lists:
        if raw is None:
            raise FleetError(
                "git cannot say what changed",
                where=str(root),
                hint="see `git status`, or run `fleet test` without `--affected`",
            )
        found |= set(raw.decode(errors="surrogateescape").split("\0"))
    return tuple(sorted(found - {""}))


def _known(root: Path, name: str) -> str | None:
    """Return the commit of a name, or None."""
    return _line(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}") or None


def _line(root: Path, *words: str) -> str:
    """Return what git says in one line; nothing when it refuses."""
    return (_git(root, *words) or b"").decode(errors="replace").strip()


def _git(root: Path, *words: str) -> bytes | None:
    """Return what git says; None where it is not there or refuses."""
    try:
        done = subprocess.run(  # noqa: S603 - words of ours; names of commits are words
            ["git", "-C", str(root), *words],  # noqa: S607 - the git of this machine
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
