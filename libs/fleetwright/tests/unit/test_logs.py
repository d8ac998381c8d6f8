"""Log lines: one shape, ids on each, no secrets, one writer."""

import asyncio
import json
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from processes import printed
from pydantic import SecretStr

from fleetwright import Settings, _log_writer, _logs
from fleetwright._answered import Answer
from fleetwright._context import bind, new_call
from fleetwright._log_writer import LineWriter


class Paper(LineWriter):
    """A writer that keeps the lines."""

    def __init__(self) -> None:
        """Start with an empty sheet."""
        super().__init__()
        self.text = b""

    def write(self, line: bytes, *, urgent: bool = False) -> None:
        """Keep a line."""
        self.text += line

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines as documents."""
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def paper() -> Iterator[Paper]:
    """Set logs up as JSON on a sheet of paper."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    paper = Paper()
    _logs.set_up("orders", Settings(log_format="json"), writer=paper)
    yield paper
    _logs.tear_down()
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


def test_line_has_time_level_event_and_service(paper: Paper) -> None:
    """The first four fields of every line are the same."""
    structlog.get_logger().info("order.placed", total_pence=900)

    (line,) = paper.lines
    assert list(line)[:4] == ["time", "level", "event", "service"]
    assert (line["level"], line["service"]) == ("info", "orders")
    assert line["total_pence"] == 900
    assert line["time"].endswith("Z")


def test_ids_of_the_call_are_on_every_line(paper: Paper) -> None:
    """Lines of one call are found by its id."""
    with bind(new_call("orders", id="call-7")) as call:
        structlog.get_logger().warning("thing.happened")
        logging.getLogger("library").warning("said %s", "so")

    assert {line["call_id"] for line in paper.lines} == {"call-7"}
    assert {line["trace_id"] for line in paper.lines} == {call.trace_id}


def test_records_of_the_standard_library_come_out_the_same(paper: Paper) -> None:
    """A library's log call is a line like ours, extras included."""
    logging.getLogger("uvicorn.error").warning("port %d", 80, extra={"tries": 3})

    (line,) = paper.lines
    assert (line["event"], line["logger"], line["tries"]) == (
        "port 80",
        "uvicorn.error",
        3,
    )


def test_wrong_format_string_of_a_library_is_shown_as_it_is(paper: Paper) -> None:
    """A mistake in a log call must not fail the call."""
    record = logging.makeLogRecord({"msg": "%d and %d", "args": (1,), "name": "lib"})
    handlers = logging.getLogger().handlers
    (ours,) = (one for one in handlers if type(one).__module__ == _logs.__name__)
    ours.handle(record)

    assert paper.lines[0]["event"] == "%d and %d"


def test_warnings_become_lines(paper: Paper) -> None:
    """What Python warns of is logged, not printed between the lines."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    assert "old" in paper.text.decode()


def test_secrets_are_masked_everywhere(paper: Paper) -> None:
    """No canary comes through: by name, by type, by shape, nested, in exceptions."""
    log = structlog.get_logger()
    canary = "canary-42"
    try:
        raise ValueError(f"at postgresql://me:{canary}@db")
    except ValueError:
        log.exception("call.failed")
    log.info("a", password=canary, headers={"Authorization": canary})
    log.info("b", token=SecretStr(canary), rows=[{"card": canary}], odd={canary[:0]: 1})
    logging.getLogger("x").warning("Bearer %s", canary)

    assert canary not in paper.text.decode()
    assert len(paper.lines) == 4


def test_line_breaks_cannot_forge_a_line(paper: Paper) -> None:
    """CR and LF in values are escaped."""
    structlog.get_logger().info('x\n{"event":"forged"}', sku="a\r\nb")

    assert len(paper.text.splitlines()) == 1


def test_record_is_at_most_16_kib(paper: Paper) -> None:
    """A huge value is cut; what came first is kept."""
    fields = {f"f{n}": "y" * 30_000 for n in range(20)}
    structlog.get_logger().info("big.one", n=1, **fields)

    (line,) = paper.lines
    assert len(paper.text) <= _logs.RECORD_BYTES
    assert (line["truncated"], line["event"], line["n"]) == (True, "big.one", 1)


def test_values_without_json_become_text(paper: Paper) -> None:
    """Anything can be logged: objects, deep nests, huge numbers."""
    deep: dict[str, Any] = {}
    deep["a"] = {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}
    structlog.get_logger().info(
        "x", path=Path("/p"), deep=deep, huge=10**30, yes=True, ratio=0.5
    )

    (line,) = paper.lines
    assert line["path"] == "/p"
    assert "..." in json.dumps(line["deep"])


def test_lines_below_the_level_are_not_written() -> None:
    """`LOG_LEVEL=WARNING` leaves the canonical lines out as well."""
    paper = Paper()
    _logs.set_up("orders", Settings(log_level="WARNING"), writer=paper)
    structlog.get_logger().info("quiet.one")
    _logs.canonical(new_call("orders"), Answer(), 0.001)
    structlog.get_logger().warning("loud.one")
    _logs.tear_down()

    assert paper.text.count(b"\n") == 1


def test_canonical_line_has_the_ids_of_its_call(paper: Paper) -> None:
    """The one line of a call is complete without anything bound."""
    call = new_call("orders", id="call-7")
    _logs.canonical(call, Answer(status=200), 0.001)

    (line,) = paper.lines
    assert (line["event"], line["call_id"], line["status"]) == (
        "call.answered",
        "call-7",
        200,
    )


def test_canonical_line_without_set_up_goes_to_structlog() -> None:
    """A test that captures logs sees the canonical lines."""
    with structlog.testing.capture_logs() as logged:
        _logs.canonical(new_call("orders"), Answer(status=200), 0.001)

    said = {"event": "call.answered", "status": 200, "duration_ms": 1.0}
    assert logged == [said | {"log_level": "info"}]


def test_console_is_for_people() -> None:
    """On a console a line is not JSON, an exception keeps its lines, events do not."""
    paper = Paper()
    _logs.set_up("orders", Settings(log_format="console"), writer=paper)
    _logs.canonical(new_call("orders"), Answer(status=200), 0.001)
    try:
        raise KeyError("x")
    except KeyError:
        structlog.get_logger().exception("a\nb")
    _logs.tear_down()

    text = paper.text.decode()
    assert "call.answered" in text
    assert not text.startswith("{")
    assert "KeyError" in text
    assert "a\\nb" in text


def read_all(fd: int) -> bytes:
    """Return everything up to the end of a pipe."""
    with open(fd, "rb") as pipe:
        return pipe.read()


def test_writer_keeps_the_order() -> None:
    """Lines of one thread come out as they went in, burst after burst."""
    read, write = os.pipe()
    writer = LineWriter(write)
    for number in range(500):
        writer.write(b"%d\n" % number, urgent=number % 100 == 0)
    writer.flush()
    os.close(write)

    assert read_all(read).split() == [b"%d" % number for number in range(500)]


async def test_burst_is_written_without_being_asked() -> None:
    """A single line does not wait for the next one."""
    read, write = os.pipe()
    LineWriter(write).write(b"one\n")
    async with asyncio.timeout(60):
        line = await asyncio.to_thread(os.read, read, 100)
    os.close(write)
    os.close(read)

    assert line == b"one\n"


def test_blocked_reader_costs_lines_not_time() -> None:
    """When nobody reads, the oldest 8 MiB wait and the rest is counted."""
    read, write = os.pipe()
    writer = LineWriter(write)
    line = b"x" * 65_535 + b"\n"
    for _ in range(400):
        writer.write(line)
    text = b""
    while b"lines.dropped" not in text:
        text = text[-100:] + os.read(read, 1 << 20)
    os.close(read)

    assert b'"event":"lines.dropped"' in text
    writer.write(b"to nobody\n")
    writer.flush()
    os.close(write)


def test_descriptor_that_does_not_wait_loses_no_line() -> None:
    """Whoever shares the standard output may have made it one that never blocks."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    writer = LineWriter(write)
    lines = [b"%07d" % number for number in range(50_000)]
    for line in lines:
        writer.write(line + b"\n")
    text = b""
    while not text.endswith(lines[-1] + b"\n"):
        text += os.read(read, 1 << 20)
    writer.flush()  # not before its thread has returned from writing
    os.close(write)
    os.close(read)

    assert text.split() == lines


def test_end_of_the_process_does_not_wait_for_a_blocked_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More lines than a pipe takes, and nobody who reads: the flush gives up."""
    monkeypatch.setattr(_log_writer, "_EXIT_SECONDS", 0.05)
    read, write = os.pipe()
    writer = LineWriter(write)
    writer._woken = True  # its thread has not got round to it
    writer.write(b"x" * 1_000_000 + b"\n")
    writer.flush()
    os.close(write)

    assert set(read_all(read)) == {ord("x")}


def test_child_process_does_not_write_its_parents_lines() -> None:
    """A fork starts with nothing to write and a thread of its own."""
    script = """
        import os
        from fleetwright._log_writer import LineWriter

        writer = LineWriter()
        writer._woken = True  # the parent's thread has not got round to it
        writer.write(b"parent\\n")
        child = os.fork()
        if child == 0:
            writer.write(b"child\\n")
            writer.flush()
            os._exit(0)
        os.waitpid(child, 0)
        writer.flush()
    """

    assert sorted(printed(script)) == ["child", "parent"]


def test_second_of_the_time_is_remembered() -> None:
    """Times of one second share their text and differ in milliseconds."""
    assert _logs.timestamp(0.25) == "1970-01-01T00:00:00.250Z"
    assert _logs.timestamp(0.75) == "1970-01-01T00:00:00.750Z"
    assert _logs.timestamp(61.0) == "1970-01-01T00:01:01.000Z"
