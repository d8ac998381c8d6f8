"""fleet doctor where the fleet runs: whose ports are whose."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from fleetwright_cli.fleet import discover
from fleetwright_cli.local._plan import Places, wanted_ports


def fleet_command(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `fleet` as a process in the working directory."""
    return subprocess.run(
        [sys.executable, "-m", "fleetwright_cli", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


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
