"""Whatever lies in a repository, the check ends with findings, and runs none of it."""

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli.affected._reach import Reach
from fleetwright_cli.graph import read_graph
from fleetwright_cli.standard import READABLE, check, open_repository, read_tree

if TYPE_CHECKING:
    from standard.conftest import Made

BILLING = "services/billing"
APP = f"{BILLING}/src/billing/app.py"
BOMB = "a: &a [x]\n" + "".join(
    f"b{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '*a'] * 9)}]\n" for n in range(40)
)


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        (APP, "def (:\n", "is not valid Python"),
        (APP, b"\x7fELF\x00\x00", "is not valid Python"),
        (APP, b"name = '\xff'\n", "is not valid Python"),
        ("docker-compose.yml", "services: [\n", "is not valid YAML"),
        ("docker-compose.yml", b"services: \xff\n", "is not UTF-8"),
        (".github/workflows/ci.yml", "a: " + "[" * 5000, "is not valid YAML"),
        ("pyproject.toml", "[tool\n", "is not valid TOML"),
        (f"{BILLING}/contracts/openapi.json", "{", "is not valid JSON"),
        (f"{BILLING}/Dockerfile", "FROM x\nFRUM y\n", "is no instruction of Docker's"),
    ],
)
def test_file_that_cannot_be_read_is_a_finding(
    fleet: "Made", path: str, content: str | bytes, reason: str
) -> None:
    """It is told with its place, and all other rules are still looked at."""
    report = check(fleet({path: content}))

    told = [one.breach for one in report.findings if one.rule is READABLE]
    assert [(one.path, reason in one.what) for one in told] == [(path, True)]


@pytest.mark.parametrize("path", ["docker-compose.yml", ".github/workflows/ci.yml"])
@pytest.mark.parametrize(
    "content", [BOMB, "a: &a {b: *a}\n", "services: text\njobs: [1]\n", "", "- 1\n"]
)
def test_odd_yaml_does_no_harm(fleet: "Made", path: str, content: str) -> None:
    """Bombs, loops and other shapes are read like anything else."""
    assert check(fleet({path: content})).findings


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("pyproject.toml", 'project = 1.5\ntool = "all"\n'),
        ("pyproject.toml", 'dependency-groups = 1\n[project]\ndependencies = "x"\n'),
        ("pyproject.toml", "[project]\noptional-dependencies = {dev = 1}\n"),
        ("pyproject.toml", '[tool]\nblack = [1]\nruff = "x"\nmypy = 1\npytest = 1\n'),
        ("pyproject.toml", "[tool.ruff.lint]\nselect = -1\nignore = 1\n"),
        ("pyproject.toml", "[tool.coverage]\nreport = [1]\n"),
        ("pyproject.toml", "[tool.pytest.ini_options]\npythonpath = 1\n"),
        ("libs/money/pyproject.toml", 'project = "money"\n'),
        (f"{BILLING}/contracts/openapi.json", '{"info": "x", "paths": [1]}'),
        (f"{BILLING}/Dockerfile", f"FROM python\nCMD {'[' * 50_000}\n"),
        ("scripts/x.sh", "#!/bin/sh\npython -m\ncoverage run -m\nuv run\n''\n"),
        (f"{BILLING}/contracts/asyncapi.json", '{"channels": [1], "operations": 1}'),
        (
            ".github/workflows/ci.yml",
            "on: {push: {branches: [[a], {b: c}]}}\n"
            "jobs: {deploy: {steps: [{run: kubectl apply -f .}]}}\n",
        ),
    ],
)
def test_odd_shapes_do_no_harm(fleet: "Made", path: str, content: str) -> None:
    """A text where a table belongs, a table where a name belongs: found, not fatal."""
    repository = fleet({path: content})

    assert check(repository).coverage.checked
    assert Reach(repository, read_graph(repository)).tests


def test_half_a_fleet_is_checked(tmp_path: Path) -> None:
    """With nothing but a fleet.toml there is much to find, and no stumbling."""
    (tmp_path / "fleet.toml").write_text('[fleet]\nname = "shop"\n', "utf-8")

    found = {one.rule.id for one in check(open_repository(tmp_path)).findings}

    assert {"STR-01", "STR-03", "STR-13", "CIC-01", "DOC-06"} <= found


def test_links_are_named_and_never_followed(tmp_path: Path) -> None:
    """A link to its own folder ends the walk, and one that leads nowhere is none."""
    (tmp_path / "fleet.toml").write_text('[fleet]\nname = "shop"\n', "utf-8")
    folder = tmp_path / "services" / "billing"
    folder.mkdir(parents=True)
    (folder / "again").symlink_to(tmp_path, target_is_directory=True)
    (folder / "requirements.in").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")

    tree = read_tree(tmp_path)

    assert not any("again/" in path for path in tree.entries)
    assert not tree.has("services/billing/requirements.in")
    assert "services/billing/pipe" not in tree.entries
    assert check(open_repository(tmp_path)).findings


def test_git_says_what_is_tracked_and_what_is_ignored(tmp_path: Path) -> None:
    """What git ignores is not seen; what was never added is seen and not tracked."""

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)

    for name, content in (
        ("fleet.toml", '[fleet]\nname = "shop"\n'),
        (".gitignore", "venv/\n"),
        (".env", "A=1\n"),
        ("gone.txt", ""),
    ):
        (tmp_path / name).write_text(content, "utf-8")
    git("init", "--quiet")
    git("add", "--all")
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    (tmp_path / "later.py").touch()
    (tmp_path / "gone.txt").unlink()

    tree = read_tree(tmp_path)

    assert tree.has_git
    assert tree.entries.keys() == {".env", ".gitignore", "fleet.toml", "later.py"}
    assert [path for path, one in tree.entries.items() if not one.tracked] == [
        "later.py"
    ]
    found = [one.breach.path for one in check(open_repository(tmp_path)).findings]
    assert ".env" in found


def test_code_of_the_repository_is_never_run(tmp_path: Path) -> None:
    """A module that would leave a mark when imported leaves none."""
    mark = tmp_path / "mark"
    package = tmp_path / "services" / "billing" / "src" / "billing"
    package.mkdir(parents=True)
    (tmp_path / "fleet.toml").write_text('[fleet]\nname = "shop"\n', "utf-8")
    line = f"open({str(mark)!r}, 'w').close()\n"
    for name in ("__init__.py", "settings.py", "conftest.py"):
        (package / name).write_text(line, "utf-8")

    check(open_repository(tmp_path))

    assert not mark.exists()
