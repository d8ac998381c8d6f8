"""fleet doctor: what is missing here, with the mend."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli.commands._doctor import ports
from fleetwright_cli.fleet import discover
from fleetwright_cli.machine import Finding, look, sqlite_is_mended

if TYPE_CHECKING:
    from tool.conftest import Shop


def finding(shop: "Shop", name: str) -> Finding:
    """Return one thing that was looked at."""
    return next(one for one in look(discover(shop.root)) if one.name == name)


@pytest.mark.parametrize(
    ("version", "mended"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 0), True),
    ],
)
def test_sqlite_is_trusted_from_the_mended_releases_on(
    version: tuple[int, ...], mended: bool
) -> None:
    """Two old branches got the mend too; all others before 3.51.3 did not."""
    assert sqlite_is_mended(version) is mended


def test_stale_locks_are_named_with_the_command(shop: "Shop") -> None:
    """The mend can be typed."""
    shop.add_service("orders")

    found = finding(shop, "locks")

    assert (found.state, found.hint) == ("missing", "fleet lock")
    assert "orders" in found.detail


def test_port_in_use_is_named(shop: "Shop") -> None:
    """Ports are looked at before anything is started on them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        shop.write("fleet.toml", f'[fleet]\nname = "a"\n[up]\nfirst_port = {port}\n')
        shop.add_service("orders")

        found = ports(discover(shop.root))

    assert found.state == "absent"
    assert f"port {port} of orders, held by pid" in found.detail


def test_python_that_is_too_old_is_missing(shop: "Shop") -> None:
    """The fleet says which Python it needs."""
    shop.write("fleet.toml", '[fleet]\nname = "a"\npython = "3.99"\n')

    found = finding(shop, "python")

    assert found.state == "missing"
    assert "3.99" in found.hint


def program(folder: Path, name: str, text: str) -> None:
    """Write a program of /bin/sh."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def test_docker_that_is_not_there_is_only_absent(
    shop: "Shop", monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only some commands need does not fail the doctor."""
    monkeypatch.setenv("PATH", str(shop.root))
    shop.write("tests/test_all.py", "")

    assert finding(shop, "docker").state == "absent"
    assert finding(shop, "browser").state == "absent"


def test_docker_without_an_engine_is_told_apart(
    shop: "Shop", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed and not running has another mend than not installed."""
    monkeypatch.setenv("PATH", str(shop.root))
    program(shop.root, "docker", "exit 1")
    assert finding(shop, "docker").detail == "no engine answers"

    program(shop.root, "docker", "echo 29.1")

    assert finding(shop, "docker").detail == "engine 29.1"


def test_chromium_is_found_on_the_path(
    shop: "Shop", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Browser tests need no more than the program."""
    monkeypatch.setenv("PATH", str(shop.root))
    program(shop.root, "chromium", "exit 0")

    assert finding(shop, "browser").state == "ok"


def test_doctor_ends_with_one_when_something_needed_is_missing(
    shop: "Shop",
) -> None:
    """A script can ask the doctor; each lack has its hint."""
    shop.add_service("orders")

    answer = shop.fleet("doctor")

    assert answer.code == 1
    assert "hint: locks: fleet lock" in answer.out


def test_doctor_is_content_with_a_fleet_that_lacks_nothing(shop: "Shop") -> None:
    """All findings as JSON, exit code 0."""
    answer = shop.fleet("doctor", "--json")

    states = {one["name"]: one["state"] for one in answer.document["findings"]}
    assert answer.code == 0, answer.out
    assert states["python"] == states["uv"] == states["locks"] == "ok"


def test_doctor_tells_of_a_server_that_is_away(
    shop: "Shop", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names a broker that nobody is at learns it before `fleet up`."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("BROKER_URL", f"amqp://me:secret@127.0.0.1:{port}/")

    answer = shop.fleet("doctor")

    assert answer.code == 1
    assert "RabbitMQ does not answer" in answer.out
    assert "hint: broker: start it" in answer.out
    assert "secret" not in answer.out
