"""Imports run one way."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]


def test_imports_follow_the_layer_list() -> None:
    """import-linter finds no broken contract: neither a cycle nor an upward import."""
    linter = Path(sys.executable).parent / "lint-imports"

    result = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr
