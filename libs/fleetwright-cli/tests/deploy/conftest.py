"""This repository as a world to deploy, and a stand-in for kubectl."""

import json
import os
import sys
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleetwright_cli.deploy._facts import World
from fleetwright_cli.deploy.kubernetes._cluster import Cluster
from fleetwright_cli.deploy.kubernetes._rendered import rendered
from fleetwright_cli.fleet import discover
from fleetwright_cli.standard import open_repository

ROOT = Path(__file__).resolve().parents[4]
STAND_IN = Path(__file__).parent / "stand_in_kubectl.py"


@pytest.fixture(scope="session")
def world() -> World:
    """Give this repository, read once."""
    return World(discover(ROOT), open_repository(ROOT))


@pytest.fixture(scope="session")
def _staging(world: World) -> list[dict[str, Any]]:
    tags = {name: f"{number:016x}" for number, name in enumerate(world.facts, 1)}
    return rendered(world, "staging", tags)


@pytest.fixture
def staging(world: World, _staging: list[dict[str, Any]]) -> Cluster:
    """Give the objects of staging with tags, to be broken at will."""
    return Cluster(deepcopy(_staging), world.facts)


@dataclass(frozen=True, slots=True)
class StandIn:
    """A kubectl that keeps what it is told and says what a test wants to hear.

    Attributes:
        folder: Where its script and its memory are.
    """

    folder: Path

    def knows(self, **facts: Any) -> None:
        """Have it answer by these facts: secrets, what is found, failing jobs."""
        (self.folder / "facts.json").write_text(json.dumps(facts))

    @property
    def calls(self) -> list[str]:
        """What it was told, in order, without namespace and input."""
        file = self.folder / "calls.jsonl"
        return [json.loads(one)["words"] for one in file.read_text().splitlines()]

    @property
    def applied(self) -> list[str]:
        """The objects it was to change, in order, as kind/name."""
        file = self.folder / "calls.jsonl"
        said = [json.loads(one) for one in file.read_text().splitlines()]
        changes = [
            one
            for one in said
            if one["words"].startswith("apply") and "--dry-run" not in one["words"]
        ]
        return [name for one in changes for name in one["objects"]]


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Give a kubectl that records, first on the PATH."""
    program = tmp_path / "kubectl"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{STAND_IN}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STAND_IN", str(tmp_path))
    made = StandIn(tmp_path)
    made.knows()
    return made


@pytest.fixture
def docker(tmp_path: Path, kubectl: StandIn) -> StandIn:
    """Give a client of Docker that says what a test wants to hear."""
    program = (tmp_path / "kubectl").read_text().replace("kubectl", "docker")
    for name in ("docker", "podman"):
        (tmp_path / name).write_text(program)
        (tmp_path / name).chmod(0o755)
    return kubectl
