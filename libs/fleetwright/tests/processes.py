"""Scripts that fork: in a process without the threads of other tests."""

import subprocess
import sys
import textwrap

PATIENCE_SECONDS = 120  # only for what hangs: a busy machine starts Python in seconds


def printed(script: str) -> list[str]:
    """Return the words that a script prints; it must end well and complain of nothing.

    Args:
        script: Python, indented as it likes.
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()
