"""S2: JSON whose string never ends costs no more than its length."""

import subprocess
import sys

PROGRAM = """
import sys
from fleetwright import Problem
from fleetwright._body import check_json
try:
    check_json(sys.stdin.buffer.read())
except Problem as problem:
    print(problem.status, problem.detail)
"""


def test_string_that_never_ends_is_read_once() -> None:
    """Not once more from every quote in it: that would be the square of its length."""
    body = b"[" * 65 + b'"' + b'\\"' * 500_000
    # A megabyte; quadratic, it takes many minutes.
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=body,
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert ran.stdout.startswith(b"400 it is nested deeper")
