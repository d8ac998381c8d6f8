"""A sheet of paper: log lines that a test reads instead of the standard output."""

import json
from collections.abc import Callable
from typing import Any

from fleetwright._log_writer import LineWriter


class Paper(LineWriter):
    """A writer that keeps the lines.

    Attributes:
        text: All of them, as they would be written.
    """

    def __init__(self) -> None:
        """Start with an empty sheet."""
        super().__init__()
        self.text = b""

    def write(self, line: bytes, *, urgent: bool = False) -> None:
        """Keep a line."""
        self.text += line

    def write_later(self, render: Callable[[Any], bytes], told: object) -> None:
        """Keep a line that would be rendered as it is written."""
        self.write(render(told))

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines as documents."""
        return [json.loads(line) for line in self.text.splitlines()]

    def lines_of(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of one event."""
        return [line for line in self.lines if line["event"] == event]
