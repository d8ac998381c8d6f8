"""The experiments can be run, hold, and notice a mistake: a few quick ones."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments.catalogue import experiments

ROOT = Path(__file__).resolve().parent.parent


def faults(*words: str) -> tuple[int, Any]:
    """Return the exit code and the JSON answer of the command."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "faults.py"), *words, "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else None


@pytest.mark.parametrize("number", ["10", "13", "14", "28"])
def test_experiment_holds(number: str) -> None:
    """A half-open circuit, a black hole, cut answers, wrong settings."""
    code, told = faults(number, "--seed", "7")

    assert code == 0, json.dumps(told, indent=2)
    assert told[0]["seed"] == 7
    assert told[0]["checks"]


def test_mistakes_put_into_our_code_are_caught() -> None:
    """Every mutant of the half-open circuit fails a check, none by breaking."""
    code, told = faults("10", "--mutants")

    assert code == 0, json.dumps(told, indent=2)
    assert len(told) == 3
    assert all(run["broke"] == "" for run in told)
    assert all(any(not check["ok"] for check in run["checks"]) for run in told)


def test_mutant_that_no_longer_fits_the_code_is_not_caught(tmp_path: Path) -> None:
    """A mistake that is put nowhere proves nothing, and says so."""
    done = subprocess.run(
        [sys.executable, "-m", "experiments.one", "10", "1", str(tmp_path), "nonsense"],
        cwd=ROOT / "benchmarks",
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0  # all checks hold: `faults.py --mutants` would fail


def test_unknown_experiment_is_refused() -> None:
    """A wrong number ends with 2 and the list of those there are."""
    code, told = faults("99")

    assert (code, told) == (2, None)


def test_every_experiment_has_a_mutant_and_a_title() -> None:
    """An invariant nobody can violate is no invariant."""
    for number, experiment in experiments().items():
        assert experiment.mutants, number
        assert experiment.title, number
