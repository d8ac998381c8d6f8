"""A small fleet that keeps every rule, in memory, with files of a test laid over it."""

import textwrap
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from fleetwright_cli.fleet import Manifest
from fleetwright_cli.standard import Repository, Tree
from fleetwright_cli.standard._examples import files_of

FLEET = Path(__file__).with_name("fleet.txt")
Files = Mapping[str, str | bytes | None]
Made = Callable[[Files], Repository]


def made(files: Files, *, has_git: bool = True) -> Repository:
    """Return the small fleet with files laid over it; None takes one away.

    Args:
        files: Contents by path, dedented.
        has_git: Whether they pass for tracked by git.
    """
    held: dict[str, str | bytes | None] = dict(files_of(FLEET.read_text("utf-8")))
    for path, content in files.items():
        held[path] = textwrap.dedent(content) if isinstance(content, str) else content
    there = {path: one for path, one in held.items() if one is not None}
    manifest = Manifest.model_validate(tomllib.loads(str(there["fleet.toml"])))
    return Repository(Tree.of(there, has_git=has_git), manifest)


@pytest.fixture
def fleet() -> Made:
    """Give what makes the small fleet with files laid over it."""
    return made
