"""Output is kept, bounded, and read back in order."""

import json
from pathlib import Path

import pytest

from fleetwright_cli.local._logfiles import Line, LogFile, Tail, history, merged
from fleetwright_cli.local._render import Renderer


def line(second: int, event: str = "x", **fields: object) -> str:
    """Return a service's line of the first minute of 2026."""
    time = f"2026-01-01T00:00:{second:02d}.000Z"
    return json.dumps({"time": time, "level": "info", "event": event} | fields)


def test_a_full_file_becomes_an_older_one(tmp_path: Path) -> None:
    """At most four files are kept, and reading gives the lines in their order."""
    log = LogFile(tmp_path / "orders.log", rotate_bytes=150)
    for second in range(20):
        log.write(line(second))
    log.close()

    seconds = [each.time[17:19] for each in history(log.path, "orders")]
    assert len(list(tmp_path.iterdir())) == 4
    assert seconds == sorted(seconds)
    assert seconds[-1] == "19"
    assert "00" not in seconds


def test_lines_without_a_time_belong_to_the_line_before(tmp_path: Path) -> None:
    """A traceback is not lost by `--since`."""
    log = LogFile(tmp_path / "orders.log")
    for text in (line(1), "old traceback", line(5), "Traceback:", "{torn json"):
        log.write(text)
    log.close()

    found = history(log.path, "orders", since=1_767_225_603)

    assert [each.text for each in found] == [line(5), "Traceback:", "{torn json"]


def test_lines_of_several_services_are_merged_by_time(tmp_path: Path) -> None:
    """One story of all services."""
    for name, seconds in (("a", (1, 4)), ("b", (2, 3))):
        log = LogFile(tmp_path / f"{name}.log")
        for second in seconds:
            log.write(line(second))
        log.close()

    found = merged(history(tmp_path / f"{name}.log", name) for name in "ab")

    assert [each.service for each in found] == ["a", "b", "b", "a"]


def test_history_ends_where_following_begins(tmp_path: Path) -> None:
    """A line written between the two is shown once."""
    log = LogFile(tmp_path / "orders.log")
    log.write(line(1))
    tail = Tail(log.path, "orders")
    log.write(line(2))

    past = [each.text for each in history(log.path, "orders", end=tail.offset)]
    fresh = [each.text for each in tail.more()]

    assert (past, fresh) == ([line(1)], [line(2)])
    assert tail.more() == []
    log.close()


def test_following_goes_on_across_a_rotation(tmp_path: Path) -> None:
    """Neither the last lines of the old file nor the first of the new are lost."""
    log = LogFile(tmp_path / "orders.log", rotate_bytes=200)
    log.write(line(1))
    tail = Tail(log.path, "orders")
    for second in (2, 3, 4):
        log.write(line(second))

    assert (tmp_path / "orders.log.1").exists()
    assert [each.text for each in tail.more()] == [line(2), line(3), line(4)]
    log.close()


@pytest.mark.parametrize("rotate_bytes", (150, 75))
def test_following_goes_on_from_where_another_was(
    tmp_path: Path, rotate_bytes: int
) -> None:
    """Whatever was rotated meanwhile, as far as it is kept."""
    log = LogFile(tmp_path / "orders.log", rotate_bytes=rotate_bytes)
    log.write(line(1))
    place = Tail(log.path, "orders").place
    for second in (2, 3, 4):
        log.write(line(second))
    log.close()

    tail = Tail(log.path, "orders", place)

    assert (tmp_path / "orders.log.1").exists()
    assert [each.text for each in tail.more()] == [line(2), line(3), line(4)]
    assert tail.more() == []


def test_what_came_after_a_file_that_is_thrown_away_is_read(tmp_path: Path) -> None:
    """Three older ones are kept, and read from their beginning."""
    log = LogFile(tmp_path / "orders.log", rotate_bytes=1)
    for second in range(2, 8):
        log.write(line(second))
    log.close()
    gone = Tail(log.path, "orders", (1, 50))

    fresh = [each.text for each in gone.more()]

    assert fresh == [line(4), line(5), line(6), line(7)]


def test_a_file_that_appears_later_is_followed_from_its_start(tmp_path: Path) -> None:
    """`fleet logs -f` may be there before the service."""
    tail = Tail(tmp_path / "orders.log", "orders")
    assert tail.more() == []

    log = LogFile(tmp_path / "orders.log")
    log.note("process.started", pid=7)
    log.close()

    (first,) = tail.more()
    assert first.fields is not None
    assert first.fields["pid"] == 7


def test_a_line_reads_as_time_service_event_and_facts() -> None:
    """Ids are left out; without colour nothing is lost."""
    text = line(7, "call.answered", status=201, took=0.25, call_id="c", note="a b")
    renderer = Renderer(["catalog", "orders"], colour=False)

    shown = renderer.text(Line.parse("orders", text, ""))

    assert shown.endswith('orders   call.answered status=201 took=0.25 note="a b"')


def test_an_error_stands_out_with_its_exception() -> None:
    """The level is a word, also where colours are off; lines cannot move the cursor."""
    fields = {"level": "error", "event": "call.failed", "exception": "Trace\nboom\x1b"}
    renderer = Renderer(["orders"], colour=False)

    shown = renderer.text(Line.parse("orders", json.dumps(fields), ""))

    assert "ERROR call.failed" in shown
    assert shown.splitlines()[2].endswith("boom\ufffd")


def test_colours_tell_services_apart() -> None:
    """Two services, two colours; plain text is passed on."""
    renderer = Renderer(["a", "b"], colour=True)

    one = renderer.text(Line.parse("a", "plain", "2026-01-01T00:00:00.000Z"))
    two = renderer.text(Line.parse("b", "plain", ""))

    assert "\x1b[36ma\x1b[0m" in one
    assert "\x1b[35mb\x1b[0m" in two
    assert one.endswith("plain")
