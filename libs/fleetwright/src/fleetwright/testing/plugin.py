"""The pytest plugin: clock, broker, faults, settings kept from the environment."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import pytest_asyncio

from fleetwright._clock import use_clock
from fleetwright._settings import Settings
from fleetwright.testing import _disturbing
from fleetwright.testing._clock import FakeClock, JumpingLoop
from fleetwright.testing._faults import Faults

if TYPE_CHECKING:
    from fleetwright.testing._broker import FakeBroker
    from fleetwright.testing._misdelivery import Misdelivery

_OWN_PREFIX = "TEST_"  # TEST_DATABASE_URL and the like are for the tests themselves


pytest_addoption = _disturbing.add_options
pytest_configure = _disturbing.configure
pytest_generate_tests = _disturbing.generate_runs
pytest_collection_modifyitems = _disturbing.keep_event_tests
pytest_runtest_protocol = _disturbing.run_only_what_delivers
pytest_terminal_summary = _disturbing.tell_seed


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Return the loop that jumps over waiting for tests that ask for `clock`.

    Args:
        config: The configuration of the run.
        item: The test.

    Returns:
        One loop factory by its name.
    """
    if "clock" in getattr(item, "fixturenames", ()):
        return {"jumping": JumpingLoop}
    return {"real": asyncio.new_event_loop}


@pytest_asyncio.fixture
async def clock() -> AsyncIterator[FakeClock]:
    """Give a world in which nobody waits: time jumps to the next thing to happen."""
    loop = asyncio.get_running_loop()
    fake = loop.clock if isinstance(loop, JumpingLoop) else FakeClock()
    with use_clock(fake):
        yield fake


@pytest.fixture
def misdelivery(request: pytest.FixtureRequest) -> "Misdelivery | None":
    """Give the way the events of this run are delivered; None for as they are told."""
    return _disturbing.misdelivery_of(request)


@pytest.fixture
def broker(misdelivery: "Misdelivery | None") -> "FakeBroker":
    """Give a broker that keeps what is published and delivers what the test says."""
    # Here and not above: services without events have not installed what it needs.
    from fleetwright.testing._broker import FakeBroker

    return FakeBroker(misdelivery)


@pytest.fixture
def faults() -> Iterator[Faults]:
    """Give a world in which calls fail as the test says."""
    switched = Faults()
    yield switched
    switched.clear()


@pytest.fixture(autouse=True)
def settings_kept_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a world in which settings are what the test says, or their defaults.

    Only `ENVIRONMENT` is another: `test`.
    """
    kinds: list[type[Settings]] = [Settings, *_subclasses(Settings)]
    fields = {field.upper() for kind in kinds for field in kind.model_fields}
    for variable in list(os.environ):
        name = variable.removesuffix("_FILE")
        is_address = name.endswith("_URL") and not name.startswith(_OWN_PREFIX)
        if name in fields or is_address:
            monkeypatch.delenv(variable)
    # Processes that a test starts inherit it: what they serve may be a toy.
    monkeypatch.setenv("ENVIRONMENT", "test")
    if not Path(".env").exists():
        return
    for kind in kinds:
        configured = cast(dict[str, Any], kind.model_config)
        monkeypatch.setitem(configured, "env_file", None)


def _subclasses(kind: type[Settings]) -> Iterator[type[Settings]]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)
