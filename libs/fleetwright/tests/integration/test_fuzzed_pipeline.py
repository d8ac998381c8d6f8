"""The pipeline under random outages, cancellations and deadlines keeps its promises."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[4]
BENCHMARKS = ROOT / "benchmarks"
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
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        return importlib.import_module("fuzz_pipeline")


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
