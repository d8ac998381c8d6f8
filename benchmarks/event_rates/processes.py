"""The processes of a run: started, told to begin, asked what they saw."""

import json
import selectors
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from event_rates.job import Job

LONGEST_SECONDS = 240.0
_LAST_LINES = 12  # of what a process said before it failed


class Broken(Exception):  # noqa: N818 - what a run is
    """A run whose figures mean nothing."""


class Player:
    """A process that plays one role."""

    def __init__(self, stack: ExitStack, way: str, job: Job, role: str) -> None:
        """Start it, and wait until it can begin.

        Args:
            stack: Ends it.
            way: The module that plays.
            job: What is asked.
            role: Which role.

        Raises:
            Broken: It failed.
        """
        self._name = f"{way}, {role}"
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - the stack closes it
        stack.callback(self._said.close)
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                f"event_rates.{way}",
                replace(job, role=role).text(),
            ],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )
        stack.callback(self._end)
        if self._line() != "ready\n":
            raise self._broken("did not get ready")

    def begin(self) -> None:
        """Give the word to begin."""
        if self._process.stdin is not None:
            self._process.stdin.write("begin\n")
            self._process.stdin.flush()

    def report(self) -> dict[str, Any]:
        """Wait for its end.

        Returns:
            What it saw.

        Raises:
            Broken: It failed, or takes too long.
        """
        line = self._line()
        if not line:
            raise self._broken("ended without a report")
        report: dict[str, Any] = json.loads(line)
        return report

    def said(self) -> str:
        """Return the end of what it logged."""
        self._said.seek(0)
        lines = self._said.read().splitlines()[-_LAST_LINES:]
        return "".join(f"\n    {line}" for line in lines)

    def _line(self) -> str:
        if self._process.stdout is None:
            raise self._broken("has no output")
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._process.stdout, selectors.EVENT_READ)
            if not waiting.select(LONGEST_SECONDS):
                raise self._broken(f"said nothing for {LONGEST_SECONDS:g} s")
        return self._process.stdout.readline()

    def _broken(self, what: str) -> Broken:
        return Broken(f"{self._name}: {what}{self.said()}")

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
