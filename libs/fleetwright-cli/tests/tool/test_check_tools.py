"""`fleet check --tools`: black, ruff and mypy as they are, on a fleet on disk."""

import subprocess
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.standard import check, open_repository, rules
from fleetwright_cli.standard._tools import RULES, read_breaches

if TYPE_CHECKING:
    from tool.conftest import Shop

MORE = "services/billing/src/billing/more.py"


def told(small: "Shop") -> set[tuple[str, str, int]]:
    """Return what the tools find: rule, path, line."""
    found = read_breaches(open_repository(small.root))
    return {(rule, breach.path, breach.line) for rule, breach in found}


def git(small: "Shop", *words: str) -> None:
    """Have git do something in the fleet, as somebody."""
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", "-C", str(small.root), *who, *words], check=True)


def test_fleet_that_keeps_the_standard_passes_its_tools(small: "Shop") -> None:
    """The small fleet has nothing for black, ruff and mypy, and says so."""
    answer = small.fleet("check", "--tools")

    assert answer.code == 0, answer.out + answer.err
    assert "in full by `--tools`" not in answer.out


def test_each_tool_is_heard(small: "Shop") -> None:
    """What black, ruff and mypy find comes with its rule, its file and its line."""
    small.write(MORE, '"""More."""\nimport os\n\nx : int = "one"\n')

    assert told(small) == {
        ("QUA-02", MORE, 1),
        ("QUA-03", MORE, 2),
        ("QUA-06", MORE, 4),
    }


def test_file_that_no_tool_can_read_is_told(small: "Shop") -> None:
    """Broken Python is a finding of each, and no failure of ours."""
    small.write(MORE, "def (:\n")

    found = told(small)

    assert {rule for rule, path, _ in found if path == MORE} == {
        "QUA-02",
        "QUA-03",
        "QUA-06",
    }


def test_env_of_the_history_is_found(small: "Shop") -> None:
    """A secret that was committed and taken away again is still there for all."""
    small.write("services/billing/.env", "BANK_TOKEN=1\n")
    git(small, "add", "--force", "services/billing/.env")
    git(small, "commit", "--quiet", "-m", "oh")
    git(small, "rm", "--quiet", "services/billing/.env")
    git(small, "commit", "--quiet", "-m", "no")

    assert ("CFG-04", "services/billing/.env", 1) in told(small)


def test_stale_lock_is_found(small: "Shop") -> None:
    """A lock of `fleet lock` that was made from other requirements is stale."""
    lock = "services/billing/requirements.txt"
    small.write(lock, "# Locked by `fleet lock`\n# inputs: sha256:0\nhttpx==1\n")

    assert ("DEP-06", lock, 1) in told(small)


def test_tools_make_parts_whole(small: "Shop") -> None:
    """A statement that the tools see in full is counted in full."""
    repository = open_repository(small.root)

    read = check(repository).coverage
    both = check(repository, more=[], tools=RULES).coverage

    every = rules().values()
    parts = {one.id for one in every if one.by_tools}
    own = {one.id for one in every if one.depth == "tools" and one.id in RULES}
    half = {one.id for one in every if one.id in own and one.in_part}
    assert parts | own == RULES
    assert both.checked - read.checked == len(own) == read.for_tools - both.for_tools
    assert (read.deeper, both.deeper) == (len(parts), 0)
    assert read.in_part - both.in_part == len(parts) - len(half)


def test_rules_of_the_tools_say_why_and_mend() -> None:
    """A finding of a tool is told like any other."""
    assert all(rules()[one].why and rules()[one].mend for one in RULES)


def test_tool_that_is_missing_is_named(
    small: "Shop", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without black there is no answer, but a mend."""
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "")

    with pytest.raises(FleetError, match="needs black, which is not installed"):
        told(small)
