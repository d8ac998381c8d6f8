"""stdout is data, stderr is talk; colour for people, JSON for programs."""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

STATUS_SECONDS = 0.1
COLOURS = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2"}


class Printer:
    """Writes what a command has to say.

    Attributes:
        as_json: Data goes out as one JSON document; talk stays short.
        quiet: No talk but errors.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        """Choose the form of the output.

        Args:
            as_json: Whether a program reads the data.
            quiet: Whether talk is left out.
        """
        self.as_json = as_json
        self.quiet = quiet
        self._lock = threading.RLock()
        self._shown = ""
        self._shown_at = 0.0

    def data(self, document: object, text: str | None = None) -> None:
        """Write the command's result to stdout.

        Args:
            document: The result as JSON-ready values.
            text: The same for a person; the JSON document when None.
        """
        with self._lock:
            self._wipe()
            if self.as_json or text is None:
                sys.stdout.write(json.dumps(document, indent=2) + "\n")
            else:
                sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def talk(self, text: str) -> None:
        """Write a line to stderr, unless quiet.

        Args:
            text: What to say.
        """
        if not self.quiet:
            self._say(text)

    def status(self, text: str) -> None:
        """Show what is going on in a line that the next words replace.

        Only for a person at a terminal, ten times a second at most; safe to call from
        several threads.

        Args:
            text: What goes on; cut to the width of the terminal.
        """
        with self._lock:
            now = time.monotonic()
            if self.quiet or not sys.stderr.isatty():
                return
            if now < self._shown_at + STATUS_SECONDS:
                return
            width = shutil.get_terminal_size().columns - 1
            self._wipe()
            self._shown, self._shown_at = text[:width], now
            sys.stderr.write(self._shown)
            sys.stderr.flush()

    def error(self, text: str) -> None:
        """Write an error to stderr, always.

        Args:
            text: What is wrong.
        """
        self._say(f"{paint('error:', 'red', sys.stderr)} {text}")

    def _say(self, text: str) -> None:
        """Write a line to stderr in the place of the status."""
        with self._lock:
            self._wipe()
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def _wipe(self) -> None:
        """Take the status away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            self._shown = ""


def colourful(stream: TextIO) -> bool:
    """Return whether colour helps on `stream`: a terminal, and no NO_COLOR."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """Return the text in a colour, plain where no person looks.

    Args:
        text: What to colour.
        colour: A key of `COLOURS`.
        stream: Where it will be written; stdout when None.
    """
    if not colourful(stream or sys.stdout):
        return text
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows in aligned columns.

    Args:
        head: Titles of the columns.
        rows: Cells without line ends; escape sequences do not count as width.
    """
    cells = [list(head), *(list(row) for row in rows)]
    widths = [max(_width(row[n]) for row in cells) for n in range(len(head))]
    lines = [
        "  ".join(
            cell + " " * (width - _width(cell))
            for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join(lines)


def _width(text: str) -> int:
    """Return how many columns a text takes, colours left out."""
    width, inside = 0, False
    for letter in text:
        if letter == "\x1b":
            inside = True
        elif inside:
            inside = letter != "m"
        else:
            width += 1
    return width


def console() -> "Console":
    """Return rich's console on stderr, for progress; imported only where it is used."""
    from rich.console import Console

    return Console(stderr=True)
