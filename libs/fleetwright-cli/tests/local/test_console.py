"""The console beside a fleet of stand-ins: started with it, found, ended with it."""

import json
import re
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fleetwright_cli.console.kept import database, reading
from fleetwright_cli.local._console import console, read_console
from fleetwright_cli.local._control import ask
from fleetwright_cli.local._plan import Places

Eventually = Callable[[Callable[[], object]], None]


def fleet_command(*words: str) -> Any:
    """Run `fleet` as a process in the working directory and return its JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "fleetwright_cli", *words, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def get(url: str, **headers: str) -> int:
    """Return the status of one call."""
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture(name="shown")
def _shown(fleet: Path) -> Path:
    """The fleet of the other tests, with a console."""
    manifest = fleet / "fleet.toml"
    text = manifest.read_text("utf-8")
    found = re.search(r"first_port = (\d+)", text)
    assert found is not None
    port = int(found[1]) + 10_000
    manifest.write_text(text.replace("console_port = 0", f"console_port = {port}"))
    return fleet


def test_console_is_there_as_long_as_the_fleet(
    shown: Path, eventually: Eventually
) -> None:
    """Its address lets in; services know where to export; it keeps what it saw."""
    fleet_command("up", "--detach")
    address = fleet_command("open")
    places = Places(shown)

    def is_ready() -> bool:
        report = ask(places.run, "ps")
        return report is not None and report["console"]["state"] == "ready"

    eventually(is_ready)
    assert get(address["url"] + "/") == 401
    token = json.loads(places.console.read_text("utf-8"))["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert get(address["url"] + "/resources/orders", **bearer) == 200
    assert stat.S_IMODE(places.console.stat().st_mode) == 0o600
    reply = ask(places.run, "launches", services=["orders"])
    assert reply is not None
    given = reply["launches"][0]["environment"]
    assert given["OTEL_EXPORTER_OTLP_ENDPOINT"] == address["url"]
    assert fleet_command("ps")["console"]["url"] == address["url"]

    fleet_command("down")

    with closing(reading(database(places))) as kept:
        states = {row["state"] for row in kept.execute("select state from event")}
        lines = {row["event"] for row in kept.execute("select event from log")}
        ended = kept.execute("select ended_ns from run").fetchone()["ended_ns"]
    assert {"starting", "ready", "stopped"} <= states
    assert "service.started" in lines
    assert ended


def test_keys_are_kept_and_the_port_gives_way(
    shown: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bookmark stays good; whoever has the port keeps it."""
    places = Places(shown)
    places.make()
    first = console(places, 9_400)
    assert first is not None
    first.write()
    assert read_console(places) == first
    in_use = "fleetwright_cli.local._ports.in_use"
    taken = {first.port}
    monkeypatch.setattr(
        in_use, lambda ports: {k: v for k, v in ports.items() if v in taken}
    )

    second = console(places, 9_400)

    assert second is not None
    assert second.token == first.token
    assert second.port != first.port
    assert console(places, 0) is None
    places.console.write_text("spoilt", "utf-8")
    assert read_console(places) is None
    fresh = console(places, 9_400)
    assert fresh is not None
    assert fresh.token != first.token


def test_receiver_of_ones_own_is_left_alone(
    shown: Path, launch: Callable[..., Any]
) -> None:
    """Whether the environment or the service's `.env` names it."""
    places = Places(shown)
    places.make()
    it = console(places, 9_400)
    assert it is not None
    plain, own = launch("first"), launch("second")
    (own.folder / ".env").write_text("OTEL_EXPORTER_OTLP_ENDPOINT=http://here\n")

    with_console, left = it.exported_to((plain, own))

    assert "x-otlp-api-key=" in with_console.environment["OTEL_EXPORTER_OTLP_HEADERS"]
    assert left == own
