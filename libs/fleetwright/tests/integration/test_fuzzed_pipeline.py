"""The pipeline under random outages, cancellations and deadlines keeps its promises."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = ROOT / "benchmarks" / "fuzz_pipeline.py"
MUTANTS = [
    "budget_ignored",
    "cancelled_is_failed",
    "cancelled_is_ok",
    "open_too_briefly",
    "permit_doubled",
    "permit_leak",
    "probe_never_ends",
    "probes_unbounded",
    "stale_results",
]


@pytest.fixture(scope="module", name="fuzz")
def _fuzz() -> ModuleType:
    """Return the benchmark; it plays scenarios."""
    spec = importlib.util.spec_from_file_location("fuzz_pipeline", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_two_hundred_scenarios_violate_no_invariant(fuzz: ModuleType) -> None:
    """Ten invariants hold, whatever happens in which order."""
    violated = {
        seed: scenario.violated
        for seed in range(200)
        if (scenario := fuzz.played(seed)).violated
    }

    assert violated == {}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_what_is_broken_on_purpose_is_noticed(fuzz: ModuleType, mutant: str) -> None:
    """A fuzz that notices nothing would prove nothing."""
    assert any(fuzz.played(seed, mutant).violated for seed in range(100))


def test_every_mutant_is_tried(fuzz: ModuleType) -> None:
    """The list above is the list of the benchmark."""
    assert sorted(fuzz.MUTANTS) == MUTANTS
