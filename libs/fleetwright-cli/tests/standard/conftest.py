"""A small fleet that keeps every rule, in memory, with files of a test laid over it."""

import textwrap
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleetwright_cli.fleet import Manifest
from fleetwright_cli.standard import Repository, Tree
from fleetwright_cli.standard._examples import files_of
from fleetwright_cli.standard._history import History

FLEET = Path(__file__).with_name("fleet.txt")
SMALL = {path: one or "" for path, one in files_of(FLEET.read_text("utf-8")).items()}
Files = Mapping[str, str | bytes | None]
Made = Callable[[Files], Repository]
Told = Callable[[Mapping[str, str], dict[str, str]], History]
HOOK = ".git/hooks/pre-commit"


@dataclass(frozen=True)
class Past:
    """Files that are nowhere on disk.

    Attributes:
        was: Contents before the change.
        now: Contents after it.
    """

    was: Mapping[str, str]
    now: Mapping[str, str]

    @property
    def names(self) -> frozenset[str]:
        """The files before the change."""
        return frozenset(self.was)

    def text(self, path: str) -> str:
        """Return what a file held; empty when it was not there.

        Args:
            path: Its path.
        """
        return self.was.get(path, "")

    def is_touched(self, folder: str) -> bool:
        """Return whether a file below a folder is another one now.

        Args:
            folder: Its path.
        """
        return any(
            path.startswith(f"{folder}/") and text != self.was.get(path)
            for path, text in self.now.items()
        )


def told(was: Mapping[str, str], now: dict[str, str]) -> History:
    """Return what git would tell of a change; the hook is taken out of the files.

    Args:
        was: Contents before it.
        now: Contents after it.
    """
    return History(Past(was, now), now.pop(HOOK, None))


def made(files: Files, *, has_git: bool = True) -> Repository:
    """Return the small fleet with files laid over it; None takes one away.

    Args:
        files: Contents by path, dedented.
        has_git: Whether they pass for tracked by git.
    """
    held: dict[str, str | bytes | None] = dict(SMALL)
    for path, content in files.items():
        held[path] = textwrap.dedent(content) if isinstance(content, str) else content
    there = {path: one for path, one in held.items() if one is not None}
    manifest = Manifest.model_validate(tomllib.loads(str(there["fleet.toml"])))
    texts = {path: one for path, one in there.items() if isinstance(one, str)}
    history = told(SMALL, texts)
    there.pop(HOOK, None)
    return Repository(Tree.of(there, has_git=has_git), manifest, history=history)


@pytest.fixture(scope="session")
def history() -> Told:
    """Give what git would tell of a change."""
    return told


@pytest.fixture
def fleet() -> Made:
    """Give what makes the small fleet with files laid over it."""
    return made
