"""Small fleets on disk, and the tool run in them as a person would."""

import json
import os
import resource
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fleetwright_cli.affected import Chosen, changes_since, select
from fleetwright_cli.standard import open_repository
from fleetwright_cli.standard._examples import files_of

MANIFEST = '[fleet]\nname = "shop"\n\n[test]\ncoverage_percent = 90\n'
SMALL = Path(__file__).parents[1] / "standard" / "fleet.txt"
PYTEST = "[tool.pytest.ini_options]\naddopts = ['--import-mode=importlib', '-ra']\n"


def child_seconds() -> float:
    """Return for how long ended children of this process had a core.

    That does not depend on who else wants one, as the time on the wall does.
    """
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
class Shop:
    """A fleet on disk.

    Attributes:
        root: Its folder.
    """

    root: Path

    def write(self, name: str, content: str) -> Path:
        """Write a file of the fleet, dedented, and return where it is."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content), encoding="utf-8")
        return path

    def add_service(self, name: str, requirements: str = "") -> Path:
        """Add a service with a package of its name; return its folder."""
        package = name.replace("-", "_")
        self.write(f"services/{name}/src/{package}/__init__.py", "")
        self.write(f"services/{name}/requirements.in", requirements)
        return self.root / "services" / name

    def add_library(self, name: str, content: str = "") -> Path:
        """Add a library with a package of its name; return its folder."""
        package = name.replace("-", "_")
        self.write(f"libs/{name}/src/{package}/__init__.py", content)
        self.write(
            f"libs/{name}/pyproject.toml",
            f"[project]\nname = '{name}'\nversion = '1'\n",
        )
        return self.root / "libs" / name

    def fleet(self, *arguments: str, **environment: str) -> Answer:
        """Run the tool in the fleet's folder as a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "fleetwright_cli", *arguments],
            cwd=self.root,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Answer(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True, slots=True)
class Kept:
    """A fleet whose files are in git.

    Attributes:
        shop: The fleet.
    """

    shop: Shop

    def git(self, *words: str) -> str:
        """Run git in the fleet's folder; return what it says."""
        name = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=0")
        done = subprocess.run(
            ["git", "-C", str(self.shop.root), *name, *words],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def begin(self) -> None:
        """Make the repository, with all there is as the first commit of main."""
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit()

    def commit(self) -> None:
        """Commit all there is."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a change")

    def change(self, path: str, content: str = "CHANGED = 1\n") -> None:
        """Add to a file, or make it."""
        file = self.shop.root / path
        before = file.read_text("utf-8") if file.is_file() else ""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(before + content, encoding="utf-8")

    def chosen(self, since: str | None = None) -> dict[str, Chosen]:
        """Return whose tests can tell, by name."""
        changes = changes_since(self.shop.root, since, "origin/main")
        repository = open_repository(self.shop.root)
        return {one.name: one for one in select(repository, changes)}

    def files(self, name: str) -> list[str] | None:
        """Return the names of the chosen test files of a package; None for all."""
        tests = self.chosen()[name].tests
        return None if tests is None else [one.rsplit("/", 1)[-1] for one in tests]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Give a fleet without services."""
    made = Shop(tmp_path.resolve())
    made.write("fleet.toml", MANIFEST)
    made.write("pyproject.toml", PYTEST)
    return made


@pytest.fixture
def kept(shop: Shop) -> Kept:
    """Give a fleet without services that is to be kept in git."""
    return Kept(shop)


@pytest.fixture
def small(shop: Shop) -> Shop:
    """Give the small fleet on disk, in git, with every rule kept."""
    for name, content in files_of(SMALL.read_text("utf-8")).items():
        path = shop.write(name, content or "")
        if str(content).startswith("#!"):
            path.chmod(0o755)
    for words in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", "-C", str(shop.root), *words], check=True)
    return shop


@cache
def index_answers() -> bool:
    """Return whether a package index answers here."""
    index = os.environ.get("UV_INDEX_URL") or os.environ.get("PIP_INDEX_URL")
    url = (index or "https://pypi.org/simple").rstrip("/") + "/iniconfig/"
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture
def index() -> None:
    """Give a world with a package index, or no test."""
    if not index_answers():
        pytest.skip("no package index can be reached")
