"""How thorough the properties are looked at, and where suites of others are."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

CASES = "TEST_CONTRACT_CASES"

# The default is for every change; `--hypothesis-profile=nightly` is for the night.
settings.register_profile("nightly", max_examples=100_000, deadline=None)
settings.register_profile(
    "quick",
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("quick")


@pytest.fixture(scope="session")
def cases() -> Path:
    """Give the folder of pairs with known answers, which is not part of the project."""
    folder = os.environ.get(CASES)
    if not folder:
        pytest.skip(f"no folder of labelled pairs ({CASES})")
    return Path(folder)
