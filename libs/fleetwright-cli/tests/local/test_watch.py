"""Which changed files restart a process."""

from pathlib import Path

import pytest
from watchfiles import Change

from fleetwright_cli.local._watch import SourceFilter


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("src/money/rates.py", True),
        ("src/money/rates.db", False),
        ("src/money/__pycache__/rates.pyc", False),
        ("src/money.egg-info/PKG-INFO", False),
        ("src/.rates.py.swp", False),
    ],
)
def test_only_what_a_process_reads_restarts_it(name: str, counts: bool) -> None:
    """An installation of the library, for its tests, is no change of its code."""
    folder = Path("/fleet/libs/money")

    changed = SourceFilter([folder])(Change.modified, str(folder / name))

    assert changed is counts
