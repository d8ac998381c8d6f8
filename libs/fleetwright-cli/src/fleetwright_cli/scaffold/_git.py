"""What git says of whoever makes a fleet, and the repository that is made for it."""

import getpass
import subprocess
from pathlib import Path

from fleetwright_cli._errors import FleetError


def owner_by_git(folder: Path) -> str:
    """Return who owns what is made here: by git's configuration, else by login.

    Args:
        folder: Where the configuration is looked up.
    """
    if user := _git(folder, "config", "github.user"):
        return f"@{user}"
    if address := _git(folder, "config", "user.email"):
        return address
    return f"@{getpass.getuser()}"


# What `pre-commit install` would write, but the environment is made on first use.
_HOOK = """\
#!/bin/sh
# Has pre-commit run .pre-commit-config.yaml, as `venv/bin/pre-commit install` would.
set -eu
[ -x venv/bin/pre-commit ] || ./fleet --version >&2
exec venv/bin/pre-commit hook-impl --config=.pre-commit-config.yaml \\
    --hook-type=pre-commit --hook-dir "$(dirname "$0")" -- "$@"
"""


def is_inside_repository(folder: Path) -> bool:
    """Return whether a folder is in a git repository already.

    Args:
        folder: A folder that is there.
    """
    return _git(folder, "rev-parse", "--is-inside-work-tree") == "true"


def start_repository(folder: Path) -> None:
    """Make a git repository with its hook; the first commit is its owner's.

    Args:
        folder: Where.

    Raises:
        FleetError: git is not there, or refuses.
    """
    if _git(folder, "init", "--quiet", "--initial-branch", "main") is None:
        raise FleetError(
            "git cannot make a repository",
            where=str(folder),
            hint="install git 2.35 or newer, or say `--no-git`",
        )
    hook = folder / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(_HOOK, "utf-8")
    hook.chmod(0o755)


def _git(folder: Path, *words: str) -> str | None:
    """Return what git says; None where it is not there or refuses."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            ["git", "-C", str(folder), *words],  # noqa: S607 - the git of this machine
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
