"""fleet log-level, as typed, beside services that run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fleetwright_cli.local import _log_levels


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `fleet` as a process in the working directory."""
    return subprocess.run(
        [sys.executable, "-m", "fleetwright_cli", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def levels(*words: str) -> dict[str, tuple[str, str]]:
    """Return level and configured level of each process that the command names."""
    done = typed("log-level", *words, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["services"]
    return {one["name"]: (one["level"], one["configured"]) for one in found}


def test_level_is_shown_changed_and_given_back(fleet: Path) -> None:
    """Of one service; the others, and whoever does not say it, stay as they are."""
    started = typed("up", "--detach")
    assert started.returncode == 0, started.stderr
    try:
        at_first = levels()
        changed = levels("catalog", "debug")
        everyone = levels()
        shown = typed("log-level").stdout
        given_back = levels("catalog", "configured")
        (fleet / "services" / "orders" / "mute").touch()
        silent = typed("log-level", "orders", "debug")
        unknown = typed("log-level", "catalgo", "debug")
    finally:
        assert typed("down").returncode == 0

    assert at_first["catalog"] == ("INFO", "INFO")
    assert changed == {"catalog": ("DEBUG", "INFO")}
    assert everyone == at_first | changed
    assert "catalog  debug  info" in shown
    assert given_back == {"catalog": ("INFO", "INFO")}
    assert silent.returncode == 1
    assert "does not say at which level it logs" in silent.stderr
    assert unknown.returncode == 2
    assert "hint: these do: catalog, orders" in unknown.stderr


def test_mistake_is_told_with_its_mend(fleet: Path) -> None:
    """No such level; nothing runs."""
    loud = typed("log-level", "catalog", "loud")
    alone = typed("log-level")

    assert loud.returncode == 2
    assert "hint: choose debug, info, warning, error, or configured" in loud.stderr
    assert alone.returncode == 1
    assert "hint: start it with `fleet up`" in alone.stderr


@pytest.mark.parametrize("text", ("", "{", "[1]", '{"orders": {}}'))
def test_wish_is_written_whatever_was_there(tmp_path: Path, text: str) -> None:
    """A spoilt file is begun anew, the wishes of others stay."""
    file = tmp_path / _log_levels.FILE
    file.write_text(text, "utf-8")

    _log_levels.wish(file, "catalog", "DEBUG")
    _log_levels.wish(file, "payments", "ERROR")
    _log_levels.wish(file, "payments", _log_levels.CONFIGURED)

    known = json.loads(file.read_text("utf-8"))
    assert known["catalog"]["level"] == "DEBUG"
    assert "payments" not in known
