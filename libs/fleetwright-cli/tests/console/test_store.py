"""What is put is written soon, nothing is lost silently, and the oldest goes."""

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from made_telemetry import many_orders, metrics_body

from fleetwright_cli.console import _otlp, _retention, _schema, _store
from fleetwright_cli.console._lines import event_row, log_row
from fleetwright_cli.console._reader import Durations, Reader
from fleetwright_cli.console._rows import bucket_of
from fleetwright_cli.console._store import Store


@pytest.fixture(name="store")
def _store_(tmp_path: Path) -> Iterator[Store]:
    """A store in an empty folder."""
    store = Store(tmp_path / "console.db")
    yield store
    store.close()


def test_nobody_else_may_read_it(store: Store) -> None:
    """Telemetry is of the fleet's owner."""
    assert stat.S_IMODE(os.stat(store.path).st_mode) == 0o600


def test_what_does_not_fit_is_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of a body or nothing; who sent it is told."""
    spans = _otlp.spans(many_orders(10))
    monkeypatch.setattr(_store, "MOST_WAITING_ROWS", len(spans) - 1)

    assert not store.put(spans)
    assert store.put(spans[:5])
    store.flush()

    assert store.dropped == len(spans)
    assert store.written == 5


def test_writers_are_told_apart_and_none_waits(store: Store) -> None:
    """Several threads at once; every row is there."""
    rows = _otlp.spans(many_orders(20))
    threads = [threading.Thread(target=store.put, args=(rows,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.flush()

    counted = Reader(store.path).one("select count(*) n, sum(id) total from span")
    assert counted["n"] == 8 * len(rows)


def test_batch_that_cannot_be_written_is_counted(tmp_path: Path) -> None:
    """And the next one is written: the console goes on."""
    store = Store(tmp_path / "console.db")
    other = sqlite3.connect(tmp_path / "console.db", isolation_level=None)
    other.execute("drop table trace")
    store.put(_otlp.spans(many_orders(1)))
    store.flush()
    store.put([log_row("orders", "still here", "")])
    store.flush()
    other.close()

    assert store.dropped > 0
    lines = Reader(store.path).rows("select event from log")
    assert [it["event"] for it in lines] == ["still here"]
    store.close()


def test_row_that_spoils_a_batch_is_alone_in_being_lost(store: Store) -> None:
    """Half a character comes from JSON that is cut; a number may be too large."""
    good = [log_row("orders", f"line {n}", "") for n in range(5)]
    half = replace(good[0], event="\ud800")
    far = replace(good[0], at_ns=2**80)
    store.put([*good[:2], half, far, *good[2:]])
    store.flush()

    assert (store.written, store.dropped) == (5, 2)
    assert log_row("orders", '{"event": "\\ud800"}', "").event == "?"


def test_oldest_goes_first(store: Store) -> None:
    """By number: spans with their traces, lines with their words."""
    store.put(_otlp.spans(many_orders(50)))
    store.put([log_row("orders", f"line {n}", "") for n in range(100)])
    store.flush()
    reader = Reader(store.path)
    connection = sqlite3.connect(store.path, isolation_level=None)

    _retention.clean(connection, _retention.Keep(spans=100, logs=10))

    assert reader.one("select count(*) n from span")["n"] == 100
    kept = [row["event"] for row in reader.rows("select event from log order by id")]
    assert kept == [f"line {n}" for n in range(90, 100)]
    found = reader.rows("select rowid from log_text where log_text match '\"line\"'")
    assert len(found) == 10
    connection.close()


def test_what_is_too_old_goes(store: Store) -> None:
    """Everything that has a time, and nothing that is young."""
    store.put(_otlp.spans(many_orders(5)))
    at_ns = time.time_ns() - 8 * 86_400 * 10**9
    store.put(_otlp.points(metrics_body("orders", value=1, at_ns=at_ns)))
    store.put([log_row("orders", "old", "2020-01-01T00:00:00Z")])
    store.put([log_row("orders", "new", "")])
    store.flush()
    reader = Reader(store.path)
    connection = sqlite3.connect(store.path, isolation_level=None)

    _retention.clean(connection, _retention.Keep())

    assert [it["event"] for it in reader.rows("select event from log")] == ["new"]
    assert reader.rows("select * from metric_point") == []
    assert reader.one("select count(*) n from trace")["n"] == 5
    connection.execute("update span set start_ns = 1")
    _retention.clean(connection, _retention.Keep())
    assert reader.rows("select * from span") == []
    connection.close()


def test_file_that_is_too_large_loses_a_tenth(store: Store) -> None:
    """Until it fits."""
    store.put(_otlp.spans(many_orders(50)))
    store.flush()
    reader = Reader(store.path)
    before = reader.one("select count(*) n from span")["n"]
    connection = sqlite3.connect(store.path, isolation_level=None)

    _retention.clean(connection, _retention.Keep(megabytes=0))

    assert reader.one("select count(*) n from span")["n"] == int(before * 0.9)
    connection.close()


def test_runs_are_kept(tmp_path: Path) -> None:
    """Each start is one; what the last one saw is still there."""
    first = Store(tmp_path / "console.db")
    first.put(_otlp.spans(many_orders(1)))
    first.close()
    second = Store(tmp_path / "console.db")
    second.put(_otlp.spans(many_orders(1, seed=2)))
    second.close()

    rows = Reader(tmp_path / "console.db").rows("select run from trace order by run")
    assert [row["run"] for row in rows] == [1, 2]


@pytest.mark.parametrize("left", (b"no database at all", b""))
def test_file_of_another_kind_is_begun_anew(tmp_path: Path, left: bytes) -> None:
    """A spoilt file must not keep the console from starting."""
    (tmp_path / "console.db").write_bytes(left * 100)

    store = Store(tmp_path / "console.db")
    store.put([log_row("orders", "here", "")])
    store.close()

    assert Reader(tmp_path / "console.db").rows("select * from log")


def test_reading_connection_changes_nothing(store: Store) -> None:
    """Whoever asks in SQL cannot spoil it."""
    connection = _schema.reading(store.path)

    with pytest.raises(sqlite3.OperationalError):
        connection.execute("delete from run")


@pytest.mark.parametrize(
    ("text", "level", "event"),
    (
        ("plain words", 20, "plain words"),
        ("Traceback (most recent call last):", 40, "Traceback (most"),
        ('{"level": "error", "event": "boom"}', 40, "boom"),
        ('{"level": 7, "message": "text"}', 20, "text"),
        ('{"event": ["a"]}', 20, "['a']"),
        ("{not json", 20, "{not json"),
        ('["a", "list"]', 20, '["a", "list"]'),
        ("{" * 100_000, 20, "{{{"),
        ("\x00\x1b[31mred\x07", 20, "\\x00\\x1b[31mred\\x07"),
        ("\ud800 half", 20, ""),
    ),
)
def test_any_line_is_a_row(text: str, level: int, event: str) -> None:
    """Of any shape; control characters are shown, not obeyed."""
    row = log_row("orders", text, "2026-11-29T10:00:00Z")

    assert row.level == level
    assert row.event.startswith(event)
    assert "\x1b" not in row.event


def test_line_of_a_megabyte_is_cut(store: Store) -> None:
    """And said to be."""
    store.put([log_row("orders", "x" * 1_000_000, "")])
    store.flush()

    event = Reader(store.path).one("select event from log")["event"]
    assert len(event) < 20_000
    assert event.endswith("...")


def test_time_and_ids_of_a_line_are_its_own() -> None:
    """Ids only where they are some."""
    good = '{"time": "2026-11-29T10:00:00Z", "event": "x", "trace_id": "%s"}'

    row = log_row("orders", good % ("ab" * 16), "")
    assert row.at_ns == 1_795_946_400 * 10**9
    assert row.trace_id == "ab" * 16
    for bad in ("short", "0" * 32, "z" * 32):
        assert log_row("orders", good % bad, "").trace_id == ""


def test_change_that_is_none_is_left_out() -> None:
    """A line that was cut by a full disk."""
    assert event_row('{"name": "orders"') is None
    assert event_row("{}") is None
    row = event_row('{"name": "orders", "state": "ready", "since": "x"}')
    assert row is not None
    assert row.state == "ready"


def test_durations_are_told_from_their_counts() -> None:
    """Within a bucket evenly; nothing where there is nothing."""
    durations = Durations()
    assert durations.percentile_ms(0.95) is None
    for milliseconds in (1, 10, 10, 10, 100):
        durations.add(bucket_of(milliseconds * 1_000_000), 1, 0)

    assert durations.facts(5.0)["rate"] == 1.0
    assert 8 <= (durations.percentile_ms(0.5) or 0) <= 12
    assert 80 <= (durations.percentile_ms(0.95) or 0) <= 120
    durations.add(bucket_of(10**12), 100, 0)
    assert (durations.percentile_ms(0.99) or 0) > 2_000
