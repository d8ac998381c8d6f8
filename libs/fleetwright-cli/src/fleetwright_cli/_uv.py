"""Runs the resolvers: uv, which comes with the tool as a wheel, or pip-tools."""

import os
import subprocess
import sys
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
    return _run([uv_binary(), "--quiet", *arguments], folder, what)


def run_pip_tools(arguments: Sequence[str], *, folder: Path, what: str) -> str:
    """Run pip-compile of this environment and return what it wrote to stdout.

    Args:
        arguments: The words after `pip-compile`.
        folder: Where to run it.
        what: What is being done, for the error.

    Returns:
        Its standard output.

    Raises:
        FleetError: It failed or is not installed; the text says why and where.
    """
    words = [sys.executable, "-m", "piptools", "compile", *arguments]
    return _run(words, folder, what)


def _run(words: Sequence[str], folder: Path, what: str) -> str:
    """Run a program and return what it wrote to stdout."""
    environment = {**os.environ, "UV_NO_PROGRESS": "1", "UV_NO_CONFIG": "1"}
    done = subprocess.run(  # noqa: S603 - our own programs, our own words
        list(words),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.strip() or f"it ended with code {done.returncode}"
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
