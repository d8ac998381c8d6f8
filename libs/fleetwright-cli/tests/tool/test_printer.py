"""stdout is data, stderr is talk."""

import io
import json
import sys

import pytest

from fleetwright_cli._printer import Printer, paint, table


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return yes."""
        return True


def at_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Seat a person at a terminal who reads stderr.

    No fixture: pytest puts its own stderr back between setting up and calling a test.
    """
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


def test_data_and_talk_do_not_mix(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that reads stdout gets the result alone."""
    printer = Printer(as_json=True)

    printer.talk("working")
    printer.data({"n": 1}, "one")

    written = capsys.readouterr()
    assert json.loads(written.out) == {"n": 1}
    assert written.err == "working\n"


def test_quiet_leaves_errors(capsys: pytest.CaptureFixture[str]) -> None:
    """`quiet` takes talk and status away, never an error."""
    printer = Printer(quiet=True)

    printer.talk("working")
    printer.status("1 of 2")
    printer.error("no")

    assert capsys.readouterr().err == "error: no\n"


def test_status_gives_way_to_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The live line is wiped before the next line is written."""
    terminal, printer = at_terminal(monkeypatch), Printer()

    printer.status("1 of 2")
    printer.talk("done")

    assert terminal.getvalue() == "1 of 2\r\x1b[Kdone\n"


def test_status_is_not_shown_where_nobody_looks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A log file holds no half lines."""
    Printer().status("1 of 2")

    assert capsys.readouterr().err == ""


def test_status_is_rewritten_ten_times_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thousand tests do not mean a thousand lines on a slow terminal."""
    terminal, printer = at_terminal(monkeypatch), Printer()

    for number in range(1000):
        printer.status(f"{number} of 1000")

    assert 1 <= terminal.getvalue().count("of 1000") < 100


def test_colour_is_for_terminals_without_no_color(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """NO_COLOR and pipes get plain words."""
    terminal = at_terminal(monkeypatch)

    assert paint("ok", "green", terminal) == "\x1b[32mok\x1b[0m"
    assert paint("ok", "green", io.StringIO()) == "ok"

    monkeypatch.setenv("NO_COLOR", "1")

    assert paint("ok", "green", terminal) == "ok"


def test_columns_are_aligned_colours_left_out() -> None:
    """Escape sequences take no room."""
    text = table(("name", "state"), [("a", "\x1b[32mok\x1b[0m"), ("orders", "no")])

    assert text.splitlines() == [
        "name    state",
        "a       \x1b[32mok\x1b[0m",
        "orders  no",
    ]
