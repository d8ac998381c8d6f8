"""What the tests of the runtime share: a PostgreSQL of their own."""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetwright import _logs


def _binaries() -> Path | None:
    """Return the folder of initdb and pg_ctl, or None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    beside = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(beside).parent if beside is not None else None


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Give the URL of an empty PostgreSQL that nobody else uses.

    `TEST_POSTGRES_URL` names one; else one is started on a socket in a folder of its
    own. PostgreSQL refuses to run as root: it is run as `postgres` then.
    """
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    binaries = _binaries()
    if binaries is None:
        reason = "PostgreSQL is not installed; set TEST_POSTGRES_URL"
        if os.environ.get("FLEET_REQUIRE_POSTGRES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        is_root = os.geteuid() == 0
        if is_root:
            shutil.chown(folder, "postgres")
        data = f"{folder}/data"
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        run = ["runuser", "-u", "postgres", "--"] if is_root else []
        initdb = [f"{binaries}/initdb", "-D", data, "-U", "postgres", "-A", "trust"]
        control = [*run, f"{binaries}/pg_ctl", "-D", data, "-w"]
        log = ["-l", f"{folder}/log"]
        subprocess.run([*run, *initdb], check=True, capture_output=True)
        subprocess.run(
            [*control, *log, "-o", options, "start"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield f"postgresql+asyncpg://postgres@/postgres?host={folder}"
        finally:
            subprocess.run(
                [*control, "-m", "immediate", "stop"], check=True, capture_output=True
            )


@pytest.fixture(scope="module")
def logs_put_back() -> Iterator[None]:
    """Put logging back as it was, where a test has the library set it up."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    _logs.tear_down()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, module in tuple(sys.modules.items()):
        if not name.startswith("fleetwright."):
            continue
        for log in ("_log", "log"):
            if hasattr(module, log):  # it remembers where it wrote
                vars(getattr(module, log)).pop("bind", None)
