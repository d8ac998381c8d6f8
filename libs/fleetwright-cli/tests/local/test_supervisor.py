"""What becomes of processes: started, watched, restarted, stopped."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.local._backoff import Timings
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.local._status import State

Launches = Callable[..., Launch]
Running = Any  # the fixture `running`: an async context manager of a `Run`


async def test_a_process_is_ready_when_it_says_so(
    launch: Launches, running: Running
) -> None:
    """Waiting, starting, ready; then stopped with 0 when the fleet is stopped."""
    async with running(launch()) as run:
        status = await run.ready("orders")

    assert run.states("orders")[:2] == [State.STARTING, State.READY]
    assert status.pid is not None
    assert status.ready_seconds is not None
    assert run.now("orders").state is State.STOPPED
    assert run.summary.services[0].exit_code == 0
    assert run.summary.clean


async def test_a_crash_is_followed_by_a_restart_with_its_reason(
    launch: Launches, running: Running
) -> None:
    """A killed process waits in backoff, is started again and says why."""
    async with running(launch()) as run:
        pid = (await run.ready("orders")).pid
        os.kill(pid, signal.SIGKILL)
        await run.until(lambda: State.BACKOFF in run.states("orders"))
        await run.ready("orders")
        status = run.now("orders")

    reasons = [s.reason for s in run.told if s.state is State.BACKOFF]
    assert reasons == ["killed by SIGKILL; starts again in 0.01 s"]
    assert (status.restarts, status.restarted_because) == (1, "killed by SIGKILL")
    assert status.pid != pid
    assert run.summary.restarts == 1


async def test_a_process_that_never_starts_is_given_up_and_the_others_run_on(
    launch: Launches, running: Running
) -> None:
    """Three failed starts in a row: failed, with the service's own words kept."""
    async with running(launch(), launch("payments", "broken")) as run:
        await run.ready("orders")
        await run.until(lambda: run.now("payments").state is State.FAILED)
        await run.supervisor.settled_or_failed()
        status = run.now("payments")
        (process,) = run.supervisor.named(["payments"])
        said = "\n".join(process.log.last)
        assert run.now("orders").state is State.READY

    assert status.reason == "exited with code 1; 3 failed starts in a row"
    assert status.restarts == 2
    assert "ImportError: no module named 'vanished'" in said
    assert not run.summary.clean


async def test_wrong_settings_are_not_tried_again(
    launch: Launches, running: Running
) -> None:
    """Exit code 2 at the start would be the same the second time."""
    async with running(launch(mode="misset")) as run:
        await run.until(lambda: run.now("orders").state is State.FAILED)

    assert run.now("orders").restarts == 0
    assert run.now("orders").exit_code == 2


async def test_a_failed_process_starts_when_it_is_asked_to(
    launch: Launches, running: Running
) -> None:
    """`start` after the mend: no need to stop the fleet."""
    one = launch(mode="ok")
    folder = one.folder
    shutil.rmtree(folder)
    async with running(one) as run:
        await run.until(lambda: run.now("orders").state is State.FAILED)
        reason = run.now("orders").reason
        folder.mkdir()
        (process,) = run.supervisor.named(["orders"])
        process.start()
        await run.ready("orders")

    assert reason.startswith("could not be started")


async def test_a_program_that_is_missing_says_so(
    launch: Launches, running: Running
) -> None:
    """A vanished environment is given up at once, with a line that tells the mend."""
    async with running(replace(launch(), argv=("/nowhere/python", "x"))) as run:
        await run.until(lambda: run.now("orders").state is State.FAILED)

    said = [text for _, text in run.lines]
    assert said[0] == "cannot run /nowhere/python: No such file or directory"
    assert said[1].startswith("hint: ")


async def test_a_process_that_ignores_the_request_is_killed_after_the_grace(
    launch: Launches, running: Running
) -> None:
    """SIGTERM first; SIGKILL when the grace is over."""
    async with running(launch(mode="deaf"), stop_seconds=0.2) as run:
        await run.ready("orders")

    assert State.STOPPING in run.states("orders")
    assert run.now("orders").exit_code == -signal.SIGKILL
    assert not run.summary.clean


async def test_what_a_process_left_behind_ends_with_it(
    launch: Launches,
    running: Running,
    lives: Callable[[int], bool],
    eventually: Callable[..., None],
) -> None:
    """The whole group is killed, also children that nobody waits for."""
    async with running(launch(mode="parent")) as run:
        await run.ready("orders")
        started = next(text for _, text in run.lines if "child_pid" in text)
        pid = json.loads(started)["child_pid"]
        assert lives(pid)

    eventually(lambda: not lives(pid))


async def test_a_process_inherits_nothing_but_its_output(
    launch: Launches, running: Running
) -> None:
    """Standard streams, its own socket and the listing itself: nothing of ours."""
    one = launch()
    async with running(one) as run:
        await run.ready("orders")
        started = next(text for _, text in run.lines if "descriptors" in text)

    facts = json.loads(started)
    assert len(facts["descriptors"]) == 5
    assert facts["folder"] == str(one.folder)


async def test_a_process_that_is_not_ready_any_more_is_unready(
    launch: Launches, running: Running
) -> None:
    """It is told with the part that is wrong, and is ready again by itself."""
    one = launch()
    async with running(one) as run:
        await run.ready("orders")
        (one.folder / "unready").touch()
        await run.until(lambda: run.now("orders").state is State.UNREADY)
        reason = run.now("orders").reason
        (one.folder / "unready").unlink()
        await run.ready("orders")

    assert reason == "/readyz answered 503: broker: gone"
    assert run.now("orders").restarts == 0


async def test_a_process_that_goes_on_without_a_part_is_degraded(
    launch: Launches, running: Running
) -> None:
    """It takes calls; what it lacks is told from the start, until it is back."""
    one = launch()
    (one.folder / "degraded").touch()
    async with running(one) as run:
        await run.until(lambda: run.now("orders").state is State.DEGRADED)
        reason = run.now("orders").reason
        (one.folder / "degraded").unlink()
        await run.ready("orders")

    assert reason == "goes on without broker: gone"
    assert run.now("orders").restarts == 0


async def test_a_process_that_does_not_answer_is_restarted(
    launch: Launches, running: Running
) -> None:
    """Several `/livez` without answer in a row: unhealthy, then a new process."""
    one = launch()
    async with running(one) as run:
        pid = (await run.ready("orders")).pid
        (one.folder / "hang").touch()
        await run.until(lambda: State.STOPPING in run.states("orders"))
        (one.folder / "hang").unlink()
        await run.until(lambda: run.now("orders").restarts == 1)
        assert (await run.ready("orders")).pid != pid
        because = run.now("orders").restarted_because

    assert State.UNHEALTHY in run.states("orders")
    assert because == "3 times in a row /livez did not answer in HTTP"


async def test_a_start_that_lasts_too_long_counts_as_failed(
    launch: Launches, running: Running
) -> None:
    """A process that listens but never answers does not hold the start for ever."""
    slow = replace(_quick(), start_seconds=0.2, probe_timeout_seconds=0.05)
    async with running(launch(mode="mute"), timings=slow) as run:
        await run.until(lambda: run.now("orders").state is State.FAILED)

    assert "not ready in 0.2 s: no answer from /readyz" in run.now("orders").reason


async def test_a_service_is_stopped_after_those_that_call_it(
    launch: Launches, running: Running
) -> None:
    """Calls in flight find their provider; two that need one another do not wait."""
    launches = (
        launch("catalog"),
        launch("orders", needs=("catalog", "payments")),
        launch("payments", needs=("orders",)),
    )
    async with running(*launches) as run:
        await run.supervisor.settled_or_failed()

    ends = [s.name for s in run.told if s.state is State.STOPPED and s.exit_code == 0]
    assert ends.index("catalog") > ends.index("orders")
    assert set(ends) == {"catalog", "orders", "payments"}


async def test_services_are_stopped_and_started_one_by_one(
    launch: Launches, running: Running
) -> None:
    """An order concerns the named service only and is waited for."""
    async with running(launch("catalog"), launch("orders")) as run:
        supervisor = run.supervisor
        await supervisor.settled_or_failed()
        orders = supervisor.named(["orders"])
        orders[0].stop()
        await supervisor.settled(orders)
        assert run.now("orders").state is State.STOPPED
        assert run.now("catalog").state is State.READY
        orders[0].start()
        await run.ready("orders")
        orders[0].restart("asked")
        await supervisor.settled(orders)

    assert run.now("orders").restarted_because == "asked"


async def test_an_unknown_service_is_named_with_the_known_ones(
    launch: Launches, running: Running
) -> None:
    """A slip of the pen costs one look."""
    async with running(launch("catalog")) as run:
        with pytest.raises(FleetError, match="no service 'katalog'") as caught:
            run.supervisor.named(["katalog"])

    assert caught.value.where == "running: catalog"


async def test_the_second_request_kills(launch: Launches, running: Running) -> None:
    """`kill` does not wait for the grace."""
    async with running(launch(mode="deaf"), stop_seconds=600) as run:
        await run.ready("orders")
        run.supervisor.stop()
        await run.until(lambda: run.now("orders").state is State.STOPPING)
        run.supervisor.kill()

    assert run.now("orders").exit_code == -signal.SIGKILL


async def test_a_changed_file_restarts_its_service_only(
    launch: Launches, running: Running
) -> None:
    """The reason names the file as one writes it in the fleet's root."""
    one, other = launch("catalog"), launch("orders")
    async with running(one, other, reload=True) as run:
        await run.supervisor.settled_or_failed()
        await _changed_until(
            one.folder / "src" / "api.py", lambda: run.now("catalog").restarts
        )
        await run.ready("catalog")
        because = run.now("catalog").restarted_because

    assert because == "services/catalog/src/api.py changed"
    assert run.now("orders").restarts == 0


async def test_a_changed_library_restarts_exactly_those_that_use_it(
    launch: Launches, running: Running, tmp_path: Path
) -> None:
    """Services without that library run on."""
    library = tmp_path / "libs" / "stock" / "src"
    library.mkdir(parents=True)
    users = launch("catalog", watched=(library,)), launch("orders", watched=(library,))
    async with running(*users, launch("payments"), reload=True) as run:
        await run.supervisor.settled_or_failed()
        await _changed_until(
            library / "stock.py",
            lambda: run.now("catalog").restarts and run.now("orders").restarts,
        )

    assert run.now("payments").restarts == 0


def _quick() -> Any:
    """Return timings without waits."""
    return Timings(start_probe_seconds=0.01, first_backoff_seconds=0.01)


async def _changed_until(file: Path, seen: Callable[[], object]) -> None:
    """Change a file until it is seen: nobody tells when the watching has begun."""
    async with asyncio.timeout(60):
        number = 0
        while not seen():
            file.write_text(f"number = {number}\n")  # noqa: ASYNC240 (tiny)
            number += 1
            await asyncio.sleep(0.1)
