"""What git knows beside the files: the change on a branch, on main, and the hook."""

import subprocess
from pathlib import Path

import pytest

from fleetwright_cli.standard import Report, check, open_repository
from fleetwright_cli.standard._reports import annotations_of, facts_of, text_of
from fleetwright_cli.standard._sarif import sarif_of


def git(root: Path, *words: str) -> str:
    """Have git do something in a folder, as somebody."""
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    done = subprocess.run(
        ["git", "-C", str(root), *who, *words],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def add(root: Path, name: str, text: str = "") -> None:
    """Write a file and commit it."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", name)


def report(root: Path) -> Report:
    """Return what the check finds."""
    return check(open_repository(root))


def undesigned(root: Path) -> set[str]:
    """Return what is new without a design document."""
    return {one.breach.path for one in report(root).findings if one.rule.id == "DOC-05"}


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a repository with a service on main, and a branch that was left from it."""
    monkeypatch.delenv("CI", raising=False)
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    add(tmp_path, "fleet.toml", '[fleet]\nname = "shop"\n')
    add(tmp_path, "services/a/Dockerfile", "FROM x\n")
    git(tmp_path, "switch", "--quiet", "--create", "work")
    add(tmp_path, "notes.txt")
    return tmp_path


def test_new_service_of_a_branch_needs_a_design(repo: Path) -> None:
    """All commits since main count, and what is not committed yet."""
    (repo / "services" / "b").mkdir()
    (repo / "services" / "b" / "Dockerfile").write_text("FROM x\n", "utf-8")
    assert undesigned(repo) == {"services/b"}

    add(repo, "services/c/Dockerfile", "FROM x\n")
    add(repo, "README.md")
    assert undesigned(repo) == {"services/b", "services/c"}

    (repo / "docs" / "design").mkdir(parents=True)
    (repo / "docs" / "design" / "1.md").touch()
    assert undesigned(repo) == set()


def test_design_that_is_amended_is_enough(repo: Path) -> None:
    """A document of earlier times may tell of what is new."""
    git(repo, "switch", "--quiet", "main")
    add(repo, "docs/design/1.md", "old\n")
    git(repo, "switch", "--quiet", "--create", "more")
    add(repo, "services/b/Dockerfile", "FROM x\n")
    assert undesigned(repo) == {"services/b"}

    add(repo, "docs/design/1.md", "new\n")

    assert undesigned(repo) == set()


def test_last_commit_of_main_is_the_change(repo: Path) -> None:
    """What was merged just now is looked at, and not what is old."""
    git(repo, "switch", "--quiet", "main")
    assert undesigned(repo) == {"services/a"}

    add(repo, "README.md")

    assert undesigned(repo) == set()


def test_hook_that_is_not_installed_is_a_note(repo: Path) -> None:
    """It is told wherever findings are told, and fails nothing."""
    add(repo, ".pre-commit-config.yaml", "repos: []\n")

    found = report(repo)

    assert [one.rule.id for one in found.notes] == ["QUA-09"]
    assert "QUA-09" not in {one.rule.id for one in found.failing}
    assert "`pre-commit install` was not run in this clone" in text_of(found)
    assert "::notice file=.pre-commit-config.yaml" in annotations_of(found)
    assert '"state": "note"' in str(facts_of(found)).replace("'", '"')
    assert "'level': 'note'" in str(sarif_of(found))


def test_hook_of_pre_commit_is_seen_at_once(repo: Path) -> None:
    """What was kept of the last run does not outlive the installation."""
    add(repo, ".pre-commit-config.yaml", "repos: []\n")
    assert report(repo).notes

    hook = repo / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("exec pre-commit hook-impl\n", "utf-8")

    assert not report(repo).notes


def test_nobody_commits_in_ci(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There no hook is asked for."""
    add(repo, ".pre-commit-config.yaml", "repos: []\n")
    monkeypatch.setenv("CI", "true")

    assert not report(repo).notes
