"""Commands reach the supervisor, and only one there is."""

import asyncio
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.local._control import Control, ask, only_one, require_none
from fleetwright_cli.local._launch import Launch

Launches = Callable[..., Launch]
Running = Any  # the fixture `running`: an async context manager of a `Run`


async def asked(folder: Path, do: str, **details: object) -> Any:
    """Ask from another thread, as another process would."""
    return await asyncio.to_thread(lambda: ask(folder, do, **details))


async def test_the_socket_answers_its_owner_only(
    launch: Launches, running: Running, tmp_path: Path
) -> None:
    """Every request has its reply, an unknown one an error; the mode is 0600."""
    async with running(launch()) as run, Control(run.supervisor).listening(tmp_path):
        mode = (tmp_path / "supervisor.sock").stat().st_mode
        waited = await asked(tmp_path, "wait")
        restarted = await asked(tmp_path, "restart", services=["orders"])
        stopped = await asked(tmp_path, "stop", services=["orders"])
        started = await asked(tmp_path, "start")
        seen = await asked(tmp_path, "ps")
        said = await asked(tmp_path, "logs", services=["orders"])
        with pytest.raises(FleetError, match="does not know this request"):
            await asked(tmp_path, "dance")
        with pytest.raises(FleetError, match="no service 'x'"):
            await asked(tmp_path, "restart", services=["x"])

    assert stat.S_IMODE(mode) == 0o600
    assert waited["services"][0]["state"] == "ready"
    assert restarted["services"][0]["restarts"] == 1
    assert stopped["services"][0]["state"] == "stopped"
    assert started["services"][0]["state"] == "ready"
    assert seen["services"][0]["restarted_because"] == "asked by `fleet restart`"
    assert any("service.started" in text for text in said["lines"]["orders"])
    assert not (tmp_path / "supervisor.sock").exists()


async def test_a_deep_folder_is_no_obstacle(
    launch: Launches, running: Running, tmp_path: Path
) -> None:
    """The system's limit on the length of socket paths is not the user's concern."""
    deep = tmp_path.joinpath(*["a-long-name-of-a-folder"] * 8)
    deep.mkdir(parents=True)

    async with running(launch()) as run, Control(run.supervisor).listening(deep):
        reply = await asked(deep, "ps")

    assert reply["services"][0]["name"] == "orders"


def test_nothing_answers_where_nothing_runs(tmp_path: Path) -> None:
    """No socket, or one that a killed supervisor has left."""
    assert ask(tmp_path, "ps") is None
    assert ask(tmp_path / "never-made", "ps") is None

    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "supervisor.sock"))

    assert ask(tmp_path, "ps") is None


async def test_a_socket_left_behind_is_replaced(
    launch: Launches, running: Running, tmp_path: Path
) -> None:
    """After a SIGKILL the next start needs no cleaning up."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "supervisor.sock"))

    async with running(launch()) as run, Control(run.supervisor).listening(tmp_path):
        assert (await asked(tmp_path, "ps"))["running"] is True


def test_a_supervisor_that_goes_away_is_told(tmp_path: Path) -> None:
    """Half an answer is an error with the place of the supervisor's log."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "supervisor.sock"))
        server.listen()

        async def gone() -> None:
            question = asyncio.create_task(asked(tmp_path, "ps"))
            accepted, _ = await asyncio.to_thread(server.accept)
            accepted.close()
            await question

        with pytest.raises(FleetError, match="went away") as caught:
            asyncio.run(gone())

    assert "supervisor.log" in caught.value.hint


def test_a_second_supervisor_is_refused(tmp_path: Path) -> None:
    """The error names `fleet ps` and `fleet down`; a dead one's file is no obstacle."""
    (tmp_path / "supervisor.pid").write_text("4711\n")

    with only_one(tmp_path):
        with (
            pytest.raises(FleetError, match="already running") as caught,
            only_one(tmp_path),
        ):
            pass
        with pytest.raises(FleetError, match="already running"):
            require_none(tmp_path)
    require_none(tmp_path)

    assert "`fleet ps`" in caught.value.hint
    assert "`fleet down`" in caught.value.hint
