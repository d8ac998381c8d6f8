"""A small fleet whose services call and hear each other, and the tool run in it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleetwright_cli.fleet import discover
from fleetwright_cli.standard._examples import files_of
from fleetwright_cli.venvs import READY, venv_of

TRADERS = Path(__file__).with_name("traders.txt")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command left behind.

    Attributes:
        code: Its exit code.
        out: Its data.
        err: Its talk.
    """

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The data as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Traders:
    """A shop and a buyer on disk, in git, their environments made.

    Attributes:
        root: The fleet's folder.
    """

    root: Path

    def contracts(self, *words: str) -> Answer:
        """Run `fleet contracts` as a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "fleetwright_cli", "contracts", *words],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def git(self, *words: str) -> None:
        """Run git."""
        name = ["-c", "user.name=t", "-c", "user.email=t@t.example"]
        subprocess.run(["git", "-C", str(self.root), *name, *words], check=True)

    def path(self, name: str) -> Path:
        """Return where a file below `services/` is."""
        return self.root / "services" / name

    @contextmanager
    def changed(self, name: str, *changes: tuple[str, str]) -> Iterator[None]:
        """Change texts of a file for a while; the contracts are put back, too."""
        path = self.path(name)
        before = path.read_text("utf-8")
        text = before
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        path.write_text(text, "utf-8")
        try:
            yield
        finally:
            path.write_text(before, "utf-8")
            self.git("checkout", "--quiet", "--", "services")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Traders:
    """Lay the fleet out: this interpreter stands in for its environments."""
    root = tmp_path_factory.mktemp("traders").resolve()
    for name, content in files_of(TRADERS.read_text("utf-8")).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content or "", "utf-8")
    (root / ".gitignore").write_text(".fleet/\n__pycache__/\n", "utf-8")
    fleet = discover(root)
    for service in fleet.services.values():
        venv = venv_of(fleet, service)
        venv.python.parent.mkdir(parents=True, exist_ok=True)
        venv.python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', "utf-8")
        venv.python.chmod(0o755)
        (venv.folder / READY).touch()
    made = Traders(root)
    frozen = made.contracts("freeze")
    assert frozen.code == 0, frozen.err
    made.git("init", "--quiet")
    made.git("add", "--all")
    made.git("commit", "--quiet", "-m", "begin")
    return made


@pytest.fixture
def traders(made_once: Traders, tmp_path: Path) -> Traders:
    """Give a copy of the fleet, with its contracts frozen and committed."""
    shutil.copytree(made_once.root, tmp_path / "traders", symlinks=True)
    return Traders(tmp_path / "traders")
