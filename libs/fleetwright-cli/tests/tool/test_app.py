"""The command line as a whole."""

import sys
from typing import TYPE_CHECKING

import pytest
from tool.conftest import child_seconds

from fleetwright_cli import __main__, _app
from fleetwright_cli._errors import FleetError

if TYPE_CHECKING:
    from tool.conftest import Shop


def test_help_names_every_command_and_imports_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of contents costs nothing but itself."""
    for name in [name for name in sys.modules if ".commands." in name]:
        monkeypatch.delitem(sys.modules, name)

    assert _app.run(["--help"]) == 0

    written = capsys.readouterr().out
    assert all(f"  {name}" in written for name in _app.COMMANDS)
    assert not [name for name in sys.modules if ".commands." in name]


def test_help_takes_less_than_150_ms(
    shop: "Shop", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best of ten starts takes no more of a core, however many others want it."""
    # Counting the lines of child processes is no part of the promise.
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    took = []
    for _ in range(10):
        before = child_seconds()
        assert shop.fleet("--help").code == 0
        took.append(child_seconds() - before)

    assert min(took) < 0.15


def test_every_command_of_the_table_explains_itself(shop: "Shop") -> None:
    """A name in the table leads to a command with a help page."""
    for name in _app.COMMANDS:
        answer = shop.fleet(name, "--help")
        assert (answer.code, "Usage: fleet" in answer.out) == (0, True), name


def test_misspelt_command_gets_a_suggestion(shop: "Shop") -> None:
    """A wrong word is exit code 2 and a hint, on stderr alone."""
    answer = shop.fleet("tset")

    assert (answer.code, answer.out) == (2, "")
    assert "hint: did you mean `fleet test`?" in answer.err


def test_unknown_option_is_a_wrong_argument(shop: "Shop") -> None:
    """Wrong options end with 2, without a traceback."""
    answer = shop.fleet("lock", "--chek")

    assert answer.code == 2
    assert "Traceback" not in answer.err


def test_mistake_of_the_user_has_no_traceback(shop: "Shop") -> None:
    """A broken fleet.toml is told in three parts."""
    shop.write("fleet.toml", "[fleet\n")

    answer = shop.fleet("lock", "--check")

    assert answer.code == 1
    assert answer.err.startswith("error: fleet.toml is not valid TOML")
    assert "fleet.toml:1" in answer.err
    assert "hint:" in answer.err
    assert "Traceback" not in answer.err


def ended_with(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, *words: str
) -> int:
    """Return the exit code of a tool whose command fails."""

    def fail(arguments: object) -> int:
        raise error

    monkeypatch.setattr(_app, "run", fail)
    monkeypatch.setattr(sys, "argv", ["fleet", *words])
    return __main__.main()


def test_fault_of_ours_is_three_with_a_short_note(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown bug names itself and how to see more."""
    monkeypatch.delenv("FLEET_DEBUG", raising=False)

    assert ended_with(monkeypatch, RuntimeError("odd")) == 3

    said = capsys.readouterr().err
    assert "fleet itself failed: RuntimeError: odd" in said
    assert "FLEET_DEBUG=1" in said


def test_debugging_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """FLEET_DEBUG=1 lets the error through as it is."""
    monkeypatch.setenv("FLEET_DEBUG", "1")

    with pytest.raises(RuntimeError, match="odd"):
        ended_with(monkeypatch, RuntimeError("odd"))


def test_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with the code that shells expect."""
    assert ended_with(monkeypatch, KeyboardInterrupt()) == 130


def test_error_carries_its_own_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 is for a fleet that does not comply, 2 for wrong words."""
    assert ended_with(monkeypatch, FleetError("no")) == 1
    assert ended_with(monkeypatch, FleetError("no", exit_code=2)) == 2


def test_error_has_three_parts_each_on_its_own_lines() -> None:
    """What, where, mend; parts that are empty are left out."""
    error = FleetError("what", where="here\nthere", hint="do\nthis")

    assert str(error) == "what\n  here\n  there\nhint: do\n      this"
    assert str(FleetError("what")) == "what"


def test_version_is_told(shop: "Shop") -> None:
    """`--version` is one line of data."""
    assert shop.fleet("--version").out.startswith("fleet ")
