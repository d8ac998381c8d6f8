"""Every kind of service, and the tool run as a person would."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fleetwright_cli.scaffold import FleetAnswers, ServiceAnswers

FLEET = FleetAnswers("shop", "@acme/platform")
# Every combination that makes sense, named by what it is.
KINDS = {
    one.name: one
    for one in (
        ServiceAnswers("plain-fastapi", "@acme/web"),
        ServiceAnswers("kept-fastapi", "@acme/web", database=True),
        ServiceAnswers("told-fastapi", "@acme/web", database=True, events=True),
        ServiceAnswers("plain-flask", "@acme/web", "flask"),
        ServiceAnswers("kept-flask", "@acme/web", "flask", database=True),
        ServiceAnswers("told-flask", "@acme/web", "flask", database=True, events=True),
        ServiceAnswers("plain-grpc", "@acme/web", "grpc"),
        ServiceAnswers("kept-grpc", "@acme/web", "grpc", database=True),
        ServiceAnswers("told-grpc", "@acme/web", "grpc", database=True, events=True),
        ServiceAnswers("heard", "@acme/web", "worker", database=True, events=True),
    )
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command left behind.

    Attributes:
        code: Its exit code.
        out: Its data.
        err: Its talk.
    """

    code: int
    out: str
    err: str


def fleet(folder: Path, *words: str, seconds: float = 120, **more: str) -> Answer:
    """Run the tool in a folder as a process of its own, as outside of any test."""
    around = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTEST_") and name != "ENVIRONMENT"  # that of a test
    }
    done = subprocess.run(
        [sys.executable, "-m", "fleetwright_cli", *words],
        cwd=folder,
        env={**around, **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    return Answer(done.returncode, done.stdout, done.stderr)
