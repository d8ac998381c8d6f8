"""Runs uv, the installer and resolver that comes with the tool as a wheel."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from fleetwright_cli._errors import FleetError

_NETWORK_WORDS = ("dns error", "connect", "tcp", "timed out", "network", "unreachable")


def uv_binary() -> str:
    """Return the path of uv.

    Raises:
        FleetError: It is not installed beside the tool.
    """
    from uv import find_uv_bin

    try:
        return find_uv_bin()
    except FileNotFoundError as error:
        raise FleetError(
            "uv is not installed beside the tool",
            where=str(error),
            hint="remove the folder venv/ and run `./fleet` again",
        ) from error


def run_uv(arguments: Sequence[str], *, folder: Path, what: str) -> str:
    """Run uv and return what it wrote to stdout.

    Args:
        arguments: The words after `uv`.
        folder: Where to run it.
        what: What is being done, for the error: "locking orders".

    Returns:
        Its standard output.

    Raises:
        FleetError: It failed; the text says why and where.
    """
    environment = {**os.environ, "UV_NO_PROGRESS": "1", "UV_NO_CONFIG": "1"}
    done = subprocess.run(  # noqa: S603 - our own program, our own words
        [uv_binary(), "--quiet", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.strip() or f"uv ended with code {done.returncode}"
    offline = any(word in said.lower() for word in _NETWORK_WORDS)
    raise FleetError(
        f"{what} failed" + (": no package index can be reached" if offline else ""),
        where=said,
        hint=(
            "check the network, or set UV_INDEX_URL to an index you can reach"
            if offline
            else "mend what it names, then run the command again"
        ),
    )
