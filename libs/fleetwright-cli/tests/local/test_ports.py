"""Ports are the same in every run, and never somebody else's."""

import os
import socket
from pathlib import Path

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.local._ports import assign, require_free


def test_ports_follow_the_first_in_order(tmp_path: Path) -> None:
    """Services get 8000, 8001 and so on in alphabetical order."""
    ports = assign(["catalog", "orders"], first_port=8000, file=tmp_path / "p.json")

    assert ports == {"catalog": 8000, "orders": 8001}


def test_a_new_service_does_not_move_the_others(tmp_path: Path) -> None:
    """Who has a port keeps it; a newcomer gets the next free one."""
    file = tmp_path / "run" / "ports.json"
    assign(["catalog", "orders"], first_port=8000, file=file)

    ports = assign(["accounts", "catalog", "orders"], first_port=8000, file=file)

    assert ports == {"accounts": 8002, "catalog": 8000, "orders": 8001}


def test_a_service_that_comes_back_finds_its_port(tmp_path: Path) -> None:
    """Ports of services that are away are not given to others."""
    file = tmp_path / "ports.json"
    assign(["catalog", "orders"], first_port=8000, file=file)
    assign(["orders", "payments"], first_port=8000, file=file)

    ports = assign(["catalog", "orders", "payments"], first_port=8000, file=file)

    assert ports == {"catalog": 8000, "orders": 8001, "payments": 8002}


def test_another_first_port_begins_anew(tmp_path: Path) -> None:
    """The setting in fleet.toml is the way out of a conflict."""
    file = tmp_path / "ports.json"
    assign(["catalog"], first_port=8000, file=file)

    assert assign(["catalog"], first_port=9000, file=file) == {"catalog": 9000}


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"first_port": 8000, "ports": {"a": 8000, "b": 8000}}', "{}", "{"],
)
def test_a_spoilt_file_is_made_anew(tmp_path: Path, text: str) -> None:
    """Nobody has to mend a file by hand that a tool has written."""
    file = tmp_path / "ports.json"
    file.write_text(text)

    ports = assign(["a", "b"], first_port=8000, file=file)

    assert ports == {"a": 8000, "b": 8001}


def test_a_port_in_use_is_named_with_its_service_and_its_holder(tmp_path: Path) -> None:
    """The reader knows at once what to stop."""
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = foreign.getsockname()[1]

        with pytest.raises(FleetError) as caught:
            require_free({"orders": port}, file=tmp_path / "ports.json")

    assert f"port {port} of orders, held by pid {os.getpid()} (" in str(caught.value)
    assert "first_port" in caught.value.hint


def test_two_ports_in_use_are_told_at_once(tmp_path: Path) -> None:
    """One run finds all conflicts."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        ports = {"a": one.getsockname()[1], "b": two.getsockname()[1]}

        with pytest.raises(FleetError, match="2 ports are in use"):
            require_free(ports, file=tmp_path / "ports.json")


def test_a_port_of_the_last_run_is_free_at_once(tmp_path: Path) -> None:
    """Connections that wind down (TIME_WAIT) are no obstacle to the next start."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()
        client.close()

    require_free({"orders": port}, file=tmp_path / "ports.json")
