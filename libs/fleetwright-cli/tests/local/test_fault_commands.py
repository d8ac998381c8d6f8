"""faults add, list and clear, as typed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fleetwright_cli.local._fault_plan import FaultPlan, changing


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `fleet` as a process in the working directory."""
    return subprocess.run(
        [sys.executable, "-m", "fleetwright_cli", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def answer(*words: str) -> Any:
    """Return the JSON answer of `fleet faults`."""
    done = typed("faults", *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def up(fleet: Path) -> Iterator[Path]:
    """Give the file of the faults of a running fleet of catalog and orders."""
    run = fleet / ".fleet" / "run"
    run.mkdir(parents=True)
    (run / "faults.json").write_text('{"seed": 1, "faults": [{"id": "old"}]}')
    started = typed("up", "--detach")
    assert started.returncode == 0, started.stderr
    yield run / "faults.json"
    stopped = typed("down")
    assert stopped.returncode == 0, stopped.stderr


def test_faults_are_added_listed_and_cleared(up: Path) -> None:
    """The whole story; a fleet that starts knows nothing of earlier faults."""
    at_first = answer("list")
    how = "--delay 200ms --error 503 --share 10% --for 30s --seed 7"
    added = answer("add", "orders->catalog", *how.split(" "))
    answer("add", "*->catalog", "--at", "provider", "--hang")
    answer("add", "* -> orders", "--refuse")
    listed = answer("list")
    shown = typed("faults", "list").stdout
    one = answer("clear", "orders->catalog")
    two = answer("clear", "f3")
    rest = answer("clear")

    assert at_first["faults"] == []
    assert (added["id"], added["seed"]) == ("f1", 7)
    assert (added["delay_seconds"], added["error"], added["share"]) == (0.2, 503, 0.1)
    left = datetime.fromisoformat(added["ends_at"]) - datetime.now(UTC)
    assert 10 < left.total_seconds() <= 30
    assert [fault["edge"] for fault in listed["faults"]] == [
        "orders->catalog",
        "*->catalog",
        "*->orders",
    ]
    assert listed["faults"][1]["struck"] == 0
    assert "f1  orders->catalog  10 %   +200 ms, 503" in shown
    assert "no answer (at the provider)" in shown
    assert [fault["id"] for fault in one["cleared"]] == ["f1"]
    assert [fault["id"] for fault in two["cleared"]] == ["f3"]
    assert [fault["id"] for fault in rest["cleared"]] == ["f2"]
    assert json.loads(up.read_text())["faults"] == []


def test_services_are_told_where_faults_are_written(up: Path) -> None:
    """The variable of a service names the file `fleet faults` writes."""
    status = json.loads(typed("ps", "--json").stdout)["services"][0]
    variables = Path(f"/proc/{status['pid']}/environ").read_bytes().split(b"\0")

    assert b"FLEET_FAULTS=" + str(up.resolve()).encode() in variables


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("add orders-catalog --error 503", "hint: quote it and write caller->provider"),
        ("add orders->catalgo --error 503", "hint: did you mean `catalog`?"),
        ("add orders->catalog", "hint: give `--delay 200ms`, `--error 503`"),
        ("add orders->catalog --error 404", "hint: write `--error 503`"),
        ("add orders->catalog --error 503 --drop", "hint: give either `--error` or"),
        ("add orders->catalog --drop --hang", "hint: give one of `--drop`"),
        ("add *->catalog --drop --at provider", "`--hang` is the one way"),
        ("add *->catalog --drop --at home", "hint: give `--at caller`"),
        ("add orders->catalog --delay fast", "hint: write `--delay 200ms`"),
        ("add orders->catalog --delay 1h", "hint: at most 600s"),
        ("add orders->catalog --error 503 --for ever", "hint: write `--for 200ms`"),
        ("add orders->catalog --error 503 --share 0%", "hint: write `--share 10%`"),
        ("add orders->catalog --error 503 --share many", "hint: write `--share 10%`"),
        ("clear f9", "hint: see them with `fleet faults list`"),
    ],
)
def test_mistake_is_told_with_its_mend(up: Path, words: str, said: str) -> None:
    """Wrong words end with 2, a hint, and nothing switched on."""
    done = typed("faults", *words.split(" "))

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert not up.exists() or json.loads(up.read_text())["faults"] == []


def test_seed_cannot_change_under_faults_that_are_on(up: Path) -> None:
    """A printed seed stays true for as long as anything is drawn from it."""
    answer("add", "orders->catalog", "--error", "503", "--seed", "7")

    done = typed("faults", "add", "*->orders", "--error", "503", "--seed", "8")

    assert done.returncode == 2
    assert "hint: `fleet faults clear` first" in done.stderr


@pytest.mark.parametrize(
    "words", ["list", "clear", "add orders->catalog --error 503"], ids=str.split
)
def test_faults_are_for_a_running_fleet(fleet_at_rest: Path, words: str) -> None:
    """Where nothing runs nothing can be switched on."""
    done = typed("faults", *words.split(" "))

    assert done.returncode == 1
    assert "hint: start it with `fleet up`" in done.stderr


@pytest.fixture
def fleet_at_rest(fleet: Path) -> Path:
    """Give the root of a fleet that does not run."""
    return fleet


def test_faults_of_two_commands_at_once_are_both_kept(tmp_path: Path) -> None:
    """The second command waits for the first and builds on what it wrote."""
    file = tmp_path / "faults.json"
    script = (
        "import sys; from pathlib import Path\n"
        "from fleetwright_cli.local._fault_plan import changing\n"
        "with changing(Path(sys.argv[1])) as plan:\n"
        "    plan.add({'edge': 'a->b', 'error': 503, 'at': 'caller'})\n"
    )
    command = [sys.executable, "-c", script, str(file)]

    with changing(file) as plan:
        other = subprocess.Popen(command)
        plan.add({"edge": "a->b", "error": 500, "at": "caller"})

    assert other.wait(60) == 0
    assert [fault["error"] for fault in FaultPlan.read(file).faults] == [500, 503]


def test_fault_that_is_over_is_forgotten(tmp_path: Path) -> None:
    """What ended by itself is neither listed nor kept."""
    file = tmp_path / "faults.json"
    with changing(file) as plan:
        plan.add({"edge": "a->b", "error": 503, "ends_at": "2020-01-01T00:00:00+00:00"})
        plan.add({"edge": "a->c", "error": 503, "ends_at": None})

    assert [fault["edge"] for fault in FaultPlan.read(file).faults] == ["a->c"]
