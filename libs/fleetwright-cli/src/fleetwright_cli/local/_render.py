"""A service's JSON line as a person reads it."""

import json
from collections.abc import Iterable
from datetime import datetime

from fleetwright_cli.local._logfiles import Line

NAME_COLOURS = ("36", "35", "34", "32", "33", "96", "95", "94")
LEVEL_COLOURS = {"warning": "33", "error": "31", "critical": "31", "debug": "2"}
DIM = "2"
# Told elsewhere on the line, or of use to programs only.
LEFT_OUT = frozenset(
    {
        *("time", "timestamp", "level", "event", "service", "logger", "exception"),
        *("call_id", "trace_id", "span_id", "parent_span_id"),
    }
)


class Renderer:
    """Turns lines into text for a terminal or a pipe."""

    def __init__(self, names: Iterable[str], *, colour: bool) -> None:
        """Prepare for some services.

        Args:
            names: All processes whose lines may come; they set the column's width.
            colour: Whether to use colours.
        """
        known = list(names)
        self._width = max(map(len, known), default=0)
        self._colours = {
            name: NAME_COLOURS[n % len(NAME_COLOURS)] for n, name in enumerate(known)
        }
        self._colour = colour

    def text(self, line: Line) -> str:
        """Return a line for a person.

        Args:
            line: As it was written.

        Returns:
            `06:28:20.123 orders  call.answered status=201`; several lines when it
            carries an exception.
        """
        name = self._paint(
            f"{line.service:<{self._width}}", self._colours.get(line.service, DIM)
        )
        head = f"{self._paint(_clock_text(line.time), DIM)} {name}  "
        if line.fields is None:
            return head + _printable(line.text)
        fields = line.fields
        level = str(fields.get("level", "info")).lower()
        said = _printable(str(fields.get("event", "")))
        if level != "info":
            said = self._paint(f"{level.upper()} {said}", LEVEL_COLOURS.get(level, DIM))
        facts = " ".join(
            f"{key}={_value(value)}"
            for key, value in fields.items()
            if key not in LEFT_OUT and value is not None
        )
        text = head + said + (f" {self._paint(facts, DIM)}" if facts else "")
        exception = fields.get("exception")
        if isinstance(exception, str) and exception:
            text += "".join(
                f"\n{head}  {_printable(each)}" for each in exception.splitlines()
            )
        return text

    def _paint(self, text: str, colour: str) -> str:
        """Return the text in a colour, where colours are used."""
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour else text


def _clock_text(time: str) -> str:
    """Return the local time of day of an ISO 8601 time."""
    try:
        moment = datetime.fromisoformat(time).astimezone()
    except ValueError:
        return " " * 12
    return moment.strftime("%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def _value(value: object) -> str:
    """Return one field's value, short and on one line."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        plain = value and value.isprintable() and " " not in value
        return value if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, default=str)


def _printable(text: str) -> str:
    """Return a text whose control characters cannot move the cursor."""
    return "".join(
        letter if letter.isprintable() or letter == "\t" else "\ufffd"
        for letter in text
    )
