"""A service on one processor core, for benchmarks."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Running(NamedTuple):
    """A service that runs.

    Attributes:
        port: Where it listens on 127.0.0.1.
        pid: Its process id.
    """

    port: int
    pid: int


@contextmanager
def running(
    command: tuple[str, ...], app: str, *, core: int, log_level: str = "WARNING"
) -> Iterator[Running]:
    """Run a service on one core.

    Args:
        command: Words after `python`.
        app: Source of the module `busy`.
        core: The core.
        log_level: Least level of the lines it writes, to nowhere.

    Yields:
        Its port and process id.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quiet = {"LOG_LEVEL": log_level, "AUTH": "off", "PORT": str(port)}
    where = () if "fleetwright.serve" in command else ("--port", str(port))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "busy.py").write_text(app)
        process = subprocess.Popen(
            (sys.executable, *command, *where),
            cwd=folder,
            env=os.environ | quiet,
            stdout=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        try:
            _wait_for(port)
            yield Running(port, process.pid)
        finally:
            process.terminate()
            process.wait(20)


def _wait_for(port: int) -> None:
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the service did not start")
