"""What services write is taken once, whatever it is and however often we begin."""

import json
import os
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from fleetwright_cli.console._feed import Feed
from fleetwright_cli.console._reader import Reader
from fleetwright_cli.console._site import Site
from fleetwright_cli.console._store import Store
from fleetwright_cli.local._console import Changes
from fleetwright_cli.local._logfiles import LogFile
from fleetwright_cli.local._plan import Places
from fleetwright_cli.local._process import Listener
from fleetwright_cli.local._status import State, Status, now_text


@pytest.fixture(name="places")
def _places(tmp_path: Path) -> Places:
    """Where a fleet writes things down."""
    places = Places(tmp_path)
    places.make()
    places.logs.mkdir()
    return places


def said(event: str) -> str:
    """Return a line that a service writes now."""
    return json.dumps({"time": now_text(), "event": event})


def console(places: Places, began: float) -> Reader:
    """Be a console from its start to its end; return what it has kept."""
    store = Store(places.root / "console.db", began=began)
    feed = Feed(places, store, since=began)
    feed.start()
    feed.close()
    store.close()
    return Reader(store.path)


def kept(reader: Reader) -> tuple[list[str], list[str]]:
    """Return the lines and the states that are kept."""
    lines = reader.rows("select event from log order by id")
    states = reader.rows("select state from event order by id")
    return [it["event"] for it in lines], [it["state"] for it in states]


def test_console_that_comes_back_takes_nothing_twice(places: Places) -> None:
    """It is the same run, and goes on where it was: nothing twice, nothing missed."""
    began = time.time() - 60
    log = LogFile(places.log("orders"))
    changes = Changes(places.changes, Listener())
    status = Status("orders", "orders", State.STARTING, 1, "", "")
    log.write(said("first"))
    changes.listener.changed(status)
    console(places, began)
    log.write(said("while it was away"))
    changes.listener.changed(Status("orders", "orders", State.READY, 1, "", ""))
    console(places, began)
    reader = console(places, began)
    log.close()
    changes.close()

    assert kept(reader) == (["first", "while it was away"], ["starting", "ready"])
    [run] = reader.rows("select started_ns, ended_ns from run")
    assert run["started_ns"] == int(began * 1e9)
    assert run["ended_ns"] > run["started_ns"]


def test_file_that_was_rotated_meanwhile_is_read_to_its_end(places: Places) -> None:
    """And so is the one that came after it."""
    began = time.time() - 60
    log = LogFile(places.log("orders"), rotate_bytes=200)
    log.write(said("1"))
    console(places, began)
    for number in range(2, 6):
        log.write(said(str(number)))
    log.close()

    assert Path(f"{places.log('orders')}.1").exists()
    assert kept(console(places, began))[0] == ["1", "2", "3", "4", "5"]


def test_next_run_begins_anew(places: Places) -> None:
    """What the last one wrote is not taken again; it is another run."""
    log = LogFile(places.log("orders"))
    log.write('{"time": "2026-01-01T00:00:00.000Z", "event": "old"}')
    console(places, 0.0)
    log.write(said("new"))
    log.close()
    reader = console(places, time.time() - 60)

    assert kept(reader)[0] == ["old", "new"]
    assert len(reader.rows("select id from run")) == 2


def test_bytes_of_any_kind_are_lines(site: Site, browser: TestClient) -> None:
    """Binary on stdout, a megabyte in a line: shown as text, and the rest comes."""
    raw = os.urandom(65_536).replace(b"\n", b"") + b"\n\0\n" + b"x" * 1_000_000
    site.places.log("orders").write_bytes(raw + b"\n" + said("after").encode() + b"\n")
    feed = Feed(site.places, site.store, since=0.0)
    feed.start()
    feed.close()
    site.store.flush()

    assert site.store.dropped == 0
    page = browser.get("/logs?service=orders")
    assert page.status_code == 200
    assert "after" in page.text
    assert len(page.content) < 200_000
