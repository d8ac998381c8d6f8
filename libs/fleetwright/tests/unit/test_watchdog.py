"""A blocked loop is noticed and its line named."""

import asyncio
import threading
import time

import pytest
import structlog
from stolen import stolen_time

from fleetwright._watchdog import Watchdog, is_own, line_of


def block(logged: list[object]) -> None:
    """Keep the loop from turning until the watchdog has said so."""
    ends = time.monotonic() + 60
    while not logged and time.monotonic() < ends:
        sum(range(1000))


async def test_blocking_line_is_named_and_its_end_told() -> None:
    """One line while the loop is blocked, one when it turns again."""
    with structlog.testing.capture_logs() as logged, Watchdog(blocked_seconds=0.02):
        block(list_view(logged))
        async with asyncio.timeout(60):
            # The thread that writes knows no event of this loop.
            while len(logged) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    assert [line["event"] for line in logged][:2] == ["loop.blocked", "loop.freed"]
    assert "test_watchdog.py" in logged[0]["by"]
    assert logged[1]["blocked_seconds"] > 0.02


def list_view(logged: object) -> list[object]:
    """Return the same list under the type `block` asks for."""
    assert isinstance(logged, list)
    return logged


async def test_turning_loop_is_not_suspected() -> None:
    """A loop with nothing to do is not blocked."""
    async with stolen_time() as stolen:
        with structlog.testing.capture_logs() as logged, Watchdog(blocked_seconds=0.2):
            await asyncio.sleep(0.5)

    assert logged == [] or stolen.seconds > 0.2  # a machine may stand still for it


async def test_service_is_not_ready_after_its_loop_stood_still() -> None:
    """More than a second without a turn: the check raises, and says for how long."""
    with Watchdog(blocked_seconds=0.02) as watchdog:
        await watchdog.check()
        ends = time.monotonic() + 1.1
        while time.monotonic() < ends:
            sum(range(1000))
        await asyncio.sleep(0.02)

        with pytest.raises(RuntimeError, match=r"stood still for [1-9]\d*\.\d s"):
            await watchdog.check()


def test_watchdog_ends_with_its_block() -> None:
    """No thread is left behind."""

    async def watched() -> None:
        with Watchdog():
            await asyncio.sleep(0)

    asyncio.run(watched())

    assert "fleetwright-watchdog" not in [one.name for one in threading.enumerate()]


def test_line_of_nothing_is_unknown() -> None:
    """A thread that has ended has no line."""
    assert line_of(None) == "unknown"


def test_libraries_are_not_the_services_own() -> None:
    """The line that is named is the one its reader can change."""
    assert not is_own(asyncio.__file__)
    assert not is_own("/x/site-packages/y/z.py")
    assert is_own("/srv/orders/src/orders/api.py")
