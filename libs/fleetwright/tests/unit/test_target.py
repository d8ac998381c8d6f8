"""`module:function` to an application; failures in words."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetwright import _logs
from fleetwright._server import listen, loop_factory
from fleetwright._target import StartError, failure, load, tell
from fleetwright.errors import DeclarationError
from fleetwright.migrate import main as migrate_main
from fleetwright.serve import main as serve_main

MODULE = """
from fleetwright import Service, Settings, SettingsError

class Database:
    async def migrate(self, revision="head"):
        if revision == "bad":
            raise RuntimeError("no such revision")
        print("migrated to", revision)

def create_app():
    service = Service("orders", Settings(port=0))
    service.add(Database())
    return service

def raises():
    return 1 / 0

def wrong_settings():
    raise SettingsError("PORT is wrong", hint="mend it")

def unmounted():
    return object()
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give a module with functions that do and do not return a service."""
    (tmp_path / "made_app.py").write_text(MODULE)
    (tmp_path / "needs_more.py").write_text("import no_such_library\n")
    (tmp_path / "half_written.py").write_text("def create_app(:\n")
    (tmp_path / "raising.py").write_text("\nraise OSError('disk')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("made_app", "needs_more", "half_written", "raising"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    handlers = logging.getLogger().handlers[:]
    yield "made_app"
    _logs.tear_down()  # a command sets them up for its whole process
    logging.getLogger().handlers[:] = handlers


def test_target_is_called_and_its_service_found(module: str) -> None:
    """The function is called without arguments."""
    app, service = load(f"{module}:create_app")

    assert app is service
    assert service.name == "orders"


@pytest.mark.parametrize(
    ("target", "code", "text"),
    [
        ("made_app", 2, "does not name a function"),
        ("made_app:", 2, "does not name a function"),
        ("no_such.app:create_app", 1, "there is no module no_such"),
        ("made_app:other", 2, "made_app has no function other"),
        ("made_app:unmounted", 1, "returned object without a service"),
        ("made_app:wrong_settings", 2, "PORT is wrong\nhint: mend it"),
        ("made_app:raises", 1, "ZeroDivisionError: division by zero"),
        ("needs_more:create_app", 1, "No module named 'no_such_library'"),
        ("half_written:create_app", 1, "half_written.py:1"),
        ("raising:create_app", 1, "raising.py:2"),
    ],
)
def test_what_is_wrong_is_told_in_words(
    module: str, target: str, code: int, text: str
) -> None:
    """Each failure names what, where and a mend; the code tells whose fault it is."""
    with pytest.raises(StartError) as caught:
        load(target)

    assert text in str(caught.value)
    assert "hint: " in str(caught.value)
    assert caught.value.exit_code == code


def test_failure_names_the_users_own_line(module: str) -> None:
    """The place is in the service's code, not in ours or a library's."""
    with pytest.raises(StartError, match="raises failed") as caught:
        load(f"{module}:raises")

    assert "made_app.py:16" in str(caught.value)


def test_notes_of_an_error_are_told() -> None:
    """Which part was being opened is part of the message."""
    error = DeclarationError("wrong", hint="mend")
    error.add_note("while opening Database")

    told = failure("x", error)
    assert str(told) == "wrong (while opening Database)\nhint: mend"
    assert failure("x", told) is told


def test_errors_are_told_to_the_one_who_started(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The text goes to stderr after the name of the program."""
    assert tell("prog", StartError("bad", exit_code=2)) == 2
    assert tell("prog", DeclarationError("worse")) == 1
    assert capsys.readouterr().err == "prog: bad\nprog: worse\n"


def test_migration_upgrades_every_database(
    module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`migrate` does only that, to the revision that was asked for."""
    assert migrate_main([f"{module}:create_app", "--revision", "1a"]) == 0
    assert "migrated to 1a" in capsys.readouterr().out


def test_failed_migration_exits_with_one(
    module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A migration that fails names the part and the line."""
    assert migrate_main([f"{module}:create_app", "--revision", "bad"]) == 1
    told = capsys.readouterr().err
    assert "Database cannot be migrated to bad" in told
    assert "made_app.py:7" in told


def test_wrong_arguments_exit_with_two() -> None:
    """The command without a target explains itself."""
    with pytest.raises(SystemExit) as caught:
        serve_main([])

    assert caught.value.code == 2


def test_target_without_a_function_exits_with_two(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What was typed wrongly is the typist's to mend."""
    assert serve_main(["orders.app"]) == 2
    assert "orders.app:create_app" in capsys.readouterr().err


def test_port_in_use_is_told() -> None:
    """The message names the port and how to take another."""
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} is in use") as caught:
            listen("127.0.0.1", port)

    assert "PORT" in str(caught.value.hint)


def test_address_of_another_machine_is_told() -> None:
    """An address this machine does not have cannot be listened on."""
    with pytest.raises(StartError, match="cannot be listened on"):
        listen("192.0.2.1", 0)


@pytest.mark.parametrize("missing", ["httptools", "uvloop"])
def test_slow_server_is_refused(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without httptools or uvloop nothing is served: it would go unnoticed."""
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(StartError, match=f"{missing} is not installed"):
        loop_factory()


def test_windows_is_served_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uvloop does not exist there."""
    monkeypatch.setattr(sys, "platform", "win32")

    assert callable(loop_factory())
