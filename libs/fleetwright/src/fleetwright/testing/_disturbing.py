"""pytest --deliver: every event test again, its events delivered in other ways."""

import secrets
from collections.abc import Generator
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from fleetwright.errors import FleetwrightError
from fleetwright.testing._manners import DISTURBED, Manner, manners_of

if TYPE_CHECKING:
    from fleetwright.testing._misdelivery import Misdelivery, Story

_FIXTURE = "misdelivery"
_MARKER = "delivered"
_STORIES: pytest.StashKey[dict[Any, "Story"]] = pytest.StashKey()
_SEED: pytest.StashKey[str] = pytest.StashKey()


def add_options(parser: pytest.Parser) -> None:
    """Say what can be asked for.

    Args:
        parser: Of the command line.
    """
    group = parser.getgroup("fleetwright")
    group.addoption(
        "--deliver",
        metavar="MANNERS",
        help="run the tests of events again, delivered dup, reorder, delay, crash",
    )
    group.addoption(
        "--deliver-seed", metavar="SEED", help="the order that --deliver reorder makes"
    )


def configure(config: pytest.Config) -> None:
    """Learn what is asked for.

    Args:
        config: Of the run.

    Raises:
        UsageError: There is no such manner.
    """
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(*manners, reason=...): with --deliver, deliver its events in these"
        " ways only",
    )
    if not config.getoption("--deliver"):
        return
    try:
        _asked(config)
    except FleetwrightError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[_STORIES] = {}
    given = config.getoption("--deliver-seed")
    config.stash[_SEED] = str(given or secrets.randbelow(1_000_000))


def _asked(config: pytest.Config) -> tuple[Manner, ...]:
    text = config.getoption("--deliver")
    return manners_of(text) if text else ()


def generate_runs(metafunc: pytest.Metafunc) -> None:
    """Have a test of events run twice undisturbed, then once in each manner.

    Args:
        metafunc: The test.

    Raises:
        UsageError: The test allows some manners only and does not say why.
    """
    manners = _asked(metafunc.config)
    if not manners or _FIXTURE not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker(_MARKER)
    if marker is not None:
        if not marker.kwargs.get("reason"):
            raise pytest.UsageError(
                f"{metafunc.definition.nodeid}: @pytest.mark.{_MARKER} needs a reason\n"
                f'hint: @pytest.mark.{_MARKER}("dup", reason="who comes first wins")'
            )
        manners = tuple(one for one in manners if one in marker.args)
    runs = [Manner.PLAIN, Manner.AGAIN, *manners]
    metafunc.parametrize(_FIXTURE, runs, indirect=True, ids=[str(one) for one in runs])


def keep_event_tests(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests without events: they would run as always.

    Args:
        config: Of the run.
        items: What was collected; changed in place.
    """
    if not config.getoption("--deliver"):
        return
    kept = [item for item in items if _FIXTURE in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def misdelivery_of(request: pytest.FixtureRequest) -> "Misdelivery | None":
    """Return how the events of a run are delivered.

    Args:
        request: Of the fixture.

    Returns:
        None where they are delivered as they are told.
    """
    manner = getattr(request, "param", None)
    if manner is None:
        return None
    # Here and not above: services without events have not installed what it needs.
    from fleetwright.testing._misdelivery import Misdelivery, Story

    test = _test_of(request.node)
    story = request.config.stash[_STORIES].setdefault(test, Story())
    # The same chances for the same seed.
    chance = Random(f"{request.config.stash[_SEED]} {test[0]} {manner}")  # noqa: S311
    return Misdelivery(manner, story, chance)


def _test_of(item: Any) -> tuple[str, frozenset[tuple[str, int]]]:
    """Return what is the same for all runs of one test."""
    # By identity: values need not be comparable, and indices are numbered anew.
    params = item.callspec.params.items()
    others = frozenset((name, id(value)) for name, value in params if name != _FIXTURE)
    return item.nodeid.partition("[")[0], others


@pytest.hookimpl(wrapper=True)
def run_only_what_delivers(item: pytest.Item) -> Generator[None, object, object]:
    """Leave out the disturbed runs of a test that was seen to deliver nothing.

    Args:
        item: The test that runs.

    Yields:
        While it runs.

    Returns:
        What came of it.
    """
    told = yield
    if item.config.getoption("--deliver"):
        test = _test_of(item)
        story = item.config.stash[_STORIES].get(test)
        if story is not None and not story.follows:
            items = item.session.items
            items[:] = [one for one in items if not _is_disturbed(one, test)]
    return told


def _is_disturbed(item: Any, test: object) -> bool:
    manner = item.callspec.params[_FIXTURE]
    return manner in DISTURBED and _test_of(item) == test


def tell_seed(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what makes the same run again.

    Args:
        terminalreporter: Where to.
    """
    seed = terminalreporter.config.stash.get(_SEED, None)
    if seed is not None:
        manners = terminalreporter.config.getoption("--deliver")
        terminalreporter.line(
            f"delivered with --deliver {manners} --deliver-seed {seed}"
        )
