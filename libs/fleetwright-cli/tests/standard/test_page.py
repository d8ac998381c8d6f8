"""The page of the standard is what the rules say today."""

import subprocess
import sys
from pathlib import Path

from fleetwright_cli.standard import rules
from fleetwright_cli.standard._page import page

ROOT = Path(__file__).resolve().parents[4]


def test_page_is_fresh() -> None:
    """docs/standard.md is written anew whenever a rule changes."""
    done = subprocess.run(
        [sys.executable, "scripts/standard.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_page_shows_every_statement_with_its_sentence() -> None:
    """Each has a heading of its own, its sentence, and how it is checked."""
    text = page()

    for rule in rules().values():
        assert f"### {rule.id}: {rule.says}\n\n> {rule.sentence}\n" in text
        assert rule.how in text
