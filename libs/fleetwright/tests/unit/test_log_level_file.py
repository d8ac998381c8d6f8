"""The file that changes the level of the log while a service runs."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from fleetwright import Service, Settings, _logs
from fleetwright._clock import clock as the_clock
from fleetwright._log_level_file import LogLevelFile
from fleetwright._log_writer import LineWriter
from fleetwright.testing import FakeClock


class Paper(LineWriter):
    """Keeps lines instead of writing them."""

    def __init__(self) -> None:
        """Begin with none."""
        self.said: list[dict[str, Any]] = []

    def write(self, line: bytes, *, urgent: bool = False) -> None:
        """Keep a line."""
        self.said.append(json.loads(line))

    def flush(self) -> None:
        """Nothing waits."""

    def events(self) -> list[str]:
        """Return what happened, and forget it."""
        found = [str(line["event"]) for line in self.said]
        self.said.clear()
        return found


@pytest.fixture(name="paper")
def _paper() -> Iterator[Paper]:
    """The log of a service whose configured level is INFO."""
    paper = Paper()
    _logs.set_up("orders", Settings(log_format="json"), writer=paper)
    yield paper
    _logs.tear_down()


def ask(path: Path, service: str, level: str, at: str) -> None:
    """Write what `fleet log-level` writes: another file in the place of the old one."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({service: {"level": level, "at": at}}), "utf-8")
    draft.replace(path)


def speak(log: structlog.typing.FilteringBoundLogger) -> None:
    """Say something at two levels, by both ways of logging."""
    log.debug("fine")
    log.info("plain")
    logging.getLogger("other").debug("theirs")


async def opened(path: Path) -> LogLevelFile:
    """Return the file as a part that has opened."""
    file = LogLevelFile(path, "INFO")
    file.service = "orders"
    await file.open()
    return file


async def test_level_changes_while_the_service_runs(
    clock: FakeClock, tmp_path: Path, paper: Paper
) -> None:
    """Also for loggers that were used before, and for the standard library's."""
    path = tmp_path / "levels.json"
    log = structlog.get_logger("shop")
    file = await opened(path)
    speak(log)
    before = paper.events()

    ask(path, "orders", "DEBUG", "1")
    await the_clock().sleep(0.5)
    speak(log)
    lower = paper.events()
    facts = file.facts()
    ask(path, "orders", "ERROR", "2")
    await the_clock().sleep(0.5)
    speak(log)
    higher = paper.events()
    path.unlink()
    await the_clock().sleep(0.5)
    speak(log)
    gone = paper.events()
    await file.close()

    assert before == ["plain"]
    assert lower == ["log_level.changed", "fine", "plain", "theirs"]
    assert facts == {"level": "DEBUG", "configured": "INFO"}
    assert higher == ["log_level.changed"]
    assert gone == ["log_level.changed", "plain"]


async def test_what_was_asked_of_an_earlier_process_does_not_hold(
    clock: FakeClock, tmp_path: Path, paper: Paper
) -> None:
    """After a restart the configured level holds, until it is asked anew."""
    path = tmp_path / "levels.json"
    ask(path, "orders", "DEBUG", "1")
    file = await opened(path)
    await the_clock().sleep(0.5)
    restarted = file.facts()["level"]

    ask(path, "orders", "DEBUG", "2")
    await the_clock().sleep(0.5)
    again = file.facts()["level"]
    await file.close()

    assert (restarted, again) == ("INFO", "DEBUG")
    assert file.facts()["level"] == "INFO"


async def test_wish_for_another_service_changes_nothing(
    clock: FakeClock, tmp_path: Path, paper: Paper
) -> None:
    """The file is the whole fleet's."""
    path = tmp_path / "levels.json"
    file = await opened(path)
    ask(path, "payments", "DEBUG", "1")
    await the_clock().sleep(0.5)

    assert file.facts()["level"] == "INFO"
    assert paper.events() == []
    await file.close()


async def test_spoilt_file_changes_nothing_and_is_told_once(
    clock: FakeClock, tmp_path: Path, paper: Paper
) -> None:
    """The level that was asked last stays."""
    path = tmp_path / "levels.json"
    file = await opened(path)
    ask(path, "orders", "DEBUG", "1")
    await the_clock().sleep(0.5)
    path.write_text('{"orders": {"level": "LOUD", "at": ""}}', "utf-8")
    await the_clock().sleep(3)

    assert file.facts()["level"] == "DEBUG"
    assert paper.events() == ["log_level.changed", "log_level.unreadable"]
    await file.close()


def test_service_has_the_part_where_the_file_is_named(tmp_path: Path) -> None:
    """And nothing of it otherwise."""
    path = tmp_path / "levels.json"
    settings = Settings(fleet_log_levels=path, log_level="WARNING")

    part = Service("orders", settings).find(LogLevelFile)

    assert part.service == "orders"
    assert part.facts()["configured"] == "WARNING"
