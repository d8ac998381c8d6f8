"""up, ps, logs, restart, down and doctor, as typed."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleetwright_cli import _app
from fleetwright_cli._errors import FleetError
from fleetwright_cli.commands import _logs
from fleetwright_cli.fleet import discover
from fleetwright_cli.local import _background
from fleetwright_cli.local._control import ask
from fleetwright_cli.local._plan import Places, wanted_ports
from fleetwright_cli.local._table import lasting

Eventually = Callable[[Callable[[], object]], None]
Lives = Callable[[int], bool]


def fleet_command(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `fleet` as a process in the working directory."""
    return subprocess.run(
        [sys.executable, "-m", "fleetwright_cli", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def foreground(*words: str) -> subprocess.Popen[str]:
    """Start `fleet up` in the foreground, its output captured."""
    return subprocess.Popen(
        [sys.executable, "-m", "fleetwright_cli", "up", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def waited(root: Path, eventually: Eventually) -> dict[str, Any]:
    """Return the report of a running fleet once it has settled."""
    replies: list[dict[str, Any]] = []

    def replied() -> bool:
        reply = ask(root / ".fleet" / "run", "wait")
        if reply is not None:
            replies.append(reply)
        return reply is not None

    eventually(replied)
    return replies[0]


def broken(root: Path, name: str) -> None:
    """Make a service fail when it is imported."""
    serve = root / "services" / name / "src" / "fleetwright" / "serve.py"
    serve.write_text("raise ImportError('no module named vanished')\n")


def test_a_fleet_in_the_background_is_seen_restarted_and_stopped(fleet: Path) -> None:
    """The whole story of a day in five commands, each with JSON for programs."""
    up = fleet_command("up", "--detach")
    again = fleet_command("up", "-d")
    seen = json.loads(fleet_command("ps", "--json").stdout)
    table = fleet_command("ps")
    restarted = fleet_command("restart", "orders", "--json")
    down = fleet_command("down")
    after = fleet_command("ps", "--json")
    down_again = fleet_command("down", "--json")

    assert up.returncode == 0, up.stderr
    assert "ready in" in up.stderr
    assert again.returncode == 1
    assert "hint: see it with `fleet ps`, stop it with `fleet down`" in again.stderr
    first = seen["services"][0]
    assert {"name", "state", "pid", "port", "url", "restarts", "reason", "since"} < (
        first.keys()
    )
    assert first["database_url"].endswith("/.fleet/data/catalog.db")
    assert first["log_file"] == str(fleet / ".fleet" / "run" / "logs" / "catalog.log")
    assert table.stdout.splitlines()[1].startswith("catalog  ready")
    assert json.loads(restarted.stdout)["services"][0]["restarts"] == 1
    assert down.returncode == 0
    assert down.stdout.splitlines()[1].split() == ["catalog", "0"]
    assert "1 restart, exit codes: all 0" in down.stderr
    assert json.loads(after.stdout) == {"running": False, "services": []}
    assert down_again.returncode == 0


def test_a_service_that_cannot_start_is_explained_by_its_own_words(fleet: Path) -> None:
    """Exit 1 with reason and last lines; the others run on until `fleet down`."""
    broken(fleet, "orders")

    up = fleet_command("up", "--detach")
    seen = json.loads(fleet_command("ps", "--json").stdout)
    restart = fleet_command("restart", "orders")
    down = fleet_command("down")

    assert up.returncode == 1
    assert "error: orders did not start" in up.stderr
    assert "ImportError: no module named vanished" in up.stderr
    assert "hint: mend it and run `fleet restart orders`" in up.stderr
    states = {each["name"]: each["state"] for each in seen["services"]}
    assert states["orders"] == "failed"
    assert states["catalog"] in {"starting", "ready"}
    assert restart.returncode == 1
    assert "ImportError" in restart.stderr
    assert down.returncode == 1


def test_a_port_in_use_is_told_before_anything_starts(fleet: Path) -> None:
    """The error names port and service; nothing is left running."""
    first = int((fleet / "fleet.toml").read_text().split("first_port = ")[1].split()[0])
    with socket.create_server(("127.0.0.1", first)):
        up = fleet_command("up", "--detach")
        here = fleet_command("up")

    for answer in (up, here):
        assert answer.returncode == 1
        assert f"port {first} of catalog, held by pid {os.getpid()}" in answer.stderr
    assert ask(fleet / ".fleet" / "run", "ps") is None


def test_ctrl_c_drains_and_sums_up(fleet: Path, eventually: Eventually) -> None:
    """One line: how long, restarts and exit codes; exit 0 when all ended well."""
    running = foreground("--no-reload")
    waited(fleet, eventually)

    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)

    assert running.returncode == 0, err
    assert "service.stopped" in out
    assert "draining" in err
    assert err.splitlines()[-1].endswith("0 restarts, exit codes: all 0")


def test_a_reader_that_goes_away_does_not_end_the_fleet(
    fleet: Path, eventually: Eventually
) -> None:
    """`fleet up | head`, or a closed terminal: the services run on and are drained."""
    running = foreground("--no-reload")
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    running.stderr.close()
    waited(fleet, eventually)

    reply = ask(fleet / ".fleet" / "run", "restart", services=["orders"])
    running.send_signal(signal.SIGHUP)

    assert reply is not None
    assert reply["services"][0]["state"] == "ready"
    assert running.wait(timeout=60) in {0, 120}


def test_a_killed_supervisor_leaves_no_process(
    fleet: Path, eventually: Eventually, lives: Lives
) -> None:
    """The kernel ends the services with it, and the next start needs no cleaning."""
    running = foreground()
    services = waited(fleet, eventually)["services"]
    pids = [each["pid"] for each in services]
    assert all(lives(pid) for pid in pids)

    running.kill()
    running.communicate()

    eventually(lambda: not any(lives(pid) for pid in pids))
    again = fleet_command("up", "--detach")
    assert again.returncode == 0, again.stderr


def _up_here(root: Path, eventually: Eventually, *words: str) -> int:
    """Run `fleet up` in this process; another thread ends it when it has settled."""

    def end() -> None:
        waited(root, eventually)
        ask(root / ".fleet" / "run", "down")

    ending = threading.Thread(target=end)
    ending.start()
    try:
        return _app.run(["up", *words])
    finally:
        ending.join()


def test_the_foreground_shows_states_lines_and_where_to_look(
    fleet: Path, eventually: Eventually, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines of services on stdout, talk about them on stderr."""
    (fleet / "services" / "catalog").rename(fleet / "services" / "storefront")
    (fleet / "services" / "storefront" / "src" / "catalog").rename(
        fleet / "services" / "storefront" / "src" / "storefront"
    )

    code = _up_here(fleet, eventually)

    shown = capsys.readouterr()
    assert code == 0
    assert "storefront  service.started" in shown.out
    assert "storefront ready in" in shown.err
    assert "2 ready in" in shown.err
    assert "open http://127.0.0.1:" in shown.err


def test_programs_get_json_lines(
    fleet: Path, eventually: Eventually, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every change, every line, the settled fleet and its end."""
    code = _up_here(fleet, eventually, "--json", "--no-reload")

    told = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    kinds = {each["event"] for each in told}
    assert code == 0
    assert kinds == {
        *("process.changed", "process.line", "fleet.settled", "fleet.stopped"),
    }
    assert told[-1]["services"][0]["exit_code"] == 0


def test_commands_answer_in_this_process_too(
    fleet: Path, eventually: Eventually, capsys: pytest.CaptureFixture[str]
) -> None:
    """ps, logs and restart against a running fleet, then down; services by name."""
    running = foreground("orders")
    waited(fleet, eventually)

    assert _app.run(["ps"]) == 0
    assert _app.run(["restart", "orders"]) == 0
    assert _app.run(["logs", "orders", "--since", "5m"]) == 0
    assert _app.run(["logs", "--json"]) == 0
    assert _app.run(["down"]) == 0
    running.communicate(timeout=60)

    shown = capsys.readouterr().out
    assert "restarted: asked by `fleet restart`" in shown
    assert "process.started pid=" in shown
    assert {"name", "event", "time"} <= json.loads(
        next(text for text in shown.splitlines() if text.startswith("{"))
    ).keys()
    assert _app.run(["ps"]) == 0
    assert _app.run(["down"]) == 0
    with pytest.raises(FleetError, match="nothing runs here"):
        _app.run(["restart", "orders"])


def test_logs_follow_what_is_written(fleet: Path, eventually: Eventually) -> None:
    """`-f` goes on across services until it is interrupted."""
    assert fleet_command("up", "--detach").returncode == 0
    reading = subprocess.Popen(
        [sys.executable, "-m", "fleetwright_cli", "logs", "orders", "-f"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert reading.stdout is not None
    assert "process.started" in reading.stdout.readline()

    fleet_command("restart", "orders")
    while "process.ended" not in (text := reading.stdout.readline()):
        assert text, "the reader ended too early"

    reading.send_signal(signal.SIGINT)
    reading.communicate(timeout=60)
    assert reading.returncode == 130


@pytest.mark.parametrize("word", ["5 minutes", "-1m", "m"])
def test_a_span_that_cannot_be_read_is_refused(fleet: Path, word: str) -> None:
    """With an example of one that can."""
    with pytest.raises(FleetError, match="is not a span of time") as caught:
        _logs.logs(since=word)

    assert caught.value.exit_code == 2


def test_logs_of_an_unknown_service_name_the_known(fleet: Path) -> None:
    """Also of services that do not run any more; replicas belong to their service."""
    folder = fleet / ".fleet" / "run" / "logs"
    folder.mkdir(parents=True)
    (folder / "orders.log").touch()
    (folder / "orders-2.log").touch()

    with pytest.raises(FleetError, match="no logs of `mail`") as caught:
        _logs.logs(["mail"])

    assert "orders, orders-2" in caught.value.where
    _logs.logs(["orders"])


def test_the_background_is_reached_from_this_process_too(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table is data; a failed service raises its own words."""
    broken(fleet, "orders")

    with pytest.raises(FleetError, match="orders did not start") as caught:
        _app.run(["up", "--detach", "--no-reload"])

    assert "ImportError" in caught.value.where
    assert "SERVICE" in capsys.readouterr().out
    assert _app.run(["down"]) == 1


def test_a_supervisor_that_does_not_start_shows_what_it_said(fleet: Path) -> None:
    """Its own output is the reason; nobody has to look for a file."""
    places = Places(fleet)
    places.make()

    with pytest.raises(FleetError, match="supervisor did not start") as caught:
        _background.start(places, ["up", "--no-such-option"])

    assert "--no-such-option" in caught.value.where


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.21, "4.2 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min")],
)
def test_spans_are_told_in_fitting_units(seconds: float, text: str) -> None:
    """Nobody reads 7500 seconds."""
    assert lasting(seconds) == text


def test_missing_environments_are_made_first(
    fleet: Path, eventually: Eventually, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says so, because it can take a while."""
    for ready in (fleet / ".fleet" / "venvs").glob("*/.ready"):
        ready.unlink()

    code = _up_here(fleet, eventually, "--no-reload")

    shown = capsys.readouterr().err
    assert code == 0
    assert "making the environment of " in shown
    assert "the environments are made" in shown


def ports_found() -> dict[str, Any]:
    """Return what the doctor says of the ports."""
    findings = json.loads(fleet_command("doctor", "--json").stdout)["findings"]
    return next(one for one in findings if one["name"] == "ports")


def test_ports_of_the_own_running_fleet_are_in_nobodys_way(fleet: Path) -> None:
    """They are in use, by whom they are for; whoever comes in between is named."""
    wanted = wanted_ports(discover(fleet))
    first, second = wanted["catalog"], wanted["orders"]
    before = ports_found()
    up = fleet_command("up", "--detach", "--no-reload", "catalog")
    assert up.returncode == 0, up.stderr
    running = ports_found()
    with socket.create_server(("127.0.0.1", second)):
        disturbed = ports_found()

    assert (before["state"], before["detail"]) == ("ok", f"free: {first} to {second}")
    assert running["state"] == "ok"
    assert running["detail"] == f"in use by this fleet, which runs: {first}"
    assert disturbed["state"] == "absent"
    assert f"port {second} of orders, held by pid" in disturbed["detail"]
    assert f"port {first} " not in disturbed["detail"]


def test_looking_at_the_ports_keeps_none(fleet: Path) -> None:
    """A doctor changes nothing on disk."""
    wanted_ports(discover(fleet))

    assert not Places(fleet).ports.exists()
