"""The contracts of another state of the repository, read from git."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.contracts._frozen import KINDS, file_of
from fleetwright_cli.fleet import Fleet, Service


def frozen_at(
    fleet: Fleet, services: Iterable[Service], revision: str
) -> Mapping[str, Mapping[str, Any]]:
    """Return the contracts that services had, by name and kind.

    Args:
        fleet: The fleet on disk.
        services: Which ones; one that was not there had none.
        revision: A branch, a tag or a commit.

    Raises:
        FleetError: There is no such revision, or a contract of it is no JSON.
    """
    commit_of(fleet.root, revision)
    found: dict[str, dict[str, Any]] = {}
    for service in services:
        found[service.name] = {}
        for kind in KINDS:
            path = file_of(service, kind).relative_to(fleet.root).as_posix()
            text = _git(fleet.root, "show", f"{revision}:./{path}")
            if text is not None:
                found[service.name][kind] = _document(text, f"{revision}:{path}")
    return found


def changed_files(root: Path, revision: str, folder: str) -> list[str]:
    """Return the files below a folder that are not what they were, new ones included.

    Args:
        root: The fleet's folder.
        revision: What they are compared with.
        folder: Below the root.
    """
    known = _git(root, "diff", "--name-only", "--relative", revision, "--", folder)
    fresh = _git(root, "ls-files", "--others", "--exclude-standard", "--", folder)
    return sorted({*(known or "").splitlines(), *(fresh or "").splitlines()})


def tags(root: Path) -> list[str]:
    """Return the names of all tags.

    Args:
        root: The fleet's folder.
    """
    return (_git(root, "tag", "--list") or "").splitlines()


def commit_of(root: Path, revision: str) -> str:
    """Return the commit that a revision stands for today.

    Args:
        root: The fleet's folder.
        revision: A branch, a tag or a commit.

    Raises:
        FleetError: There is no such revision.
    """
    found = _git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if found is None:
        raise FleetError(
            f"git knows no revision `{revision}`",
            where=str(root),
            hint="name a branch, a tag or a commit, or `git fetch` first",
            exit_code=WRONG_ARGUMENTS,
        )
    return found.strip()


def _document(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise FleetError(
            f"the contract is no JSON: {error}",
            where=name,
            hint="compare with another revision",
        ) from error


def _git(root: Path, *words: str) -> str | None:
    """Return what git says; None where it says no."""
    try:
        done = subprocess.run(  # noqa: S603 - git, with words of ours
            ["git", "-C", str(root), *words],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
    except FileNotFoundError as error:
        raise FleetError(
            "there is no git here", hint="install git, or compare two files"
        ) from error
    return done.stdout if done.returncode == 0 else None
