"""A console on a fleet of files: real store, real guard, no process."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_telemetry import KEYS, ORIGIN
from starlette.testclient import TestClient

from fleetwright_cli.console._app import Console
from fleetwright_cli.console._feed import Feed
from fleetwright_cli.console._reader import Reader
from fleetwright_cli.console._site import Site, declared, with_events
from fleetwright_cli.console._store import Store
from fleetwright_cli.console._stream import Stream
from fleetwright_cli.fleet import discover
from fleetwright_cli.local._plan import Places
from fleetwright_cli.local._status import State, Status

SERVICES = ("catalog", "notifications", "orders", "payments", "stock", "storefront")
CALLS = {"storefront": ("orders", "catalog"), "orders": ("catalog", "stock")}


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    """A fleet on disk whose services say whom they call."""
    (tmp_path / "fleet.toml").write_text("[fleet]\nname = 'shop'\n", "utf-8")
    for name in SERVICES:
        package = tmp_path / "services" / name / "src" / name
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        lines = [f"call(provider='{other}')" for other in CALLS.get(name, ())]
        (package / "app.py").write_text("\n".join(lines), "utf-8")
    return tmp_path


@pytest.fixture(name="site")
def _site(root: Path) -> Iterator[Site]:
    """What the pages of a console share; nothing runs, but is said to."""
    places = Places(root)
    places.make()
    places.logs.mkdir()
    urls = {name: f"http://127.0.0.1:{8000 + n}" for n, name in enumerate(SERVICES)}
    places.map.write_text(json.dumps(urls), "utf-8")
    stream = Stream()
    store = Store(root / "console.db", on_written=stream.tell)
    feed = Feed(places, store, since=time.time() - 60, on_change=stream.tell)
    feed.report = {
        "seconds": 61.0,
        "services": [
            Status(
                name=name,
                service=name,
                state=State.DEGRADED if name == "payments" else State.READY,
                port=8000 + n,
                url=urls[name],
                log_file="",
                reason="the bank is away" if name == "payments" else None,
            ).facts()
            for n, name in enumerate(SERVICES)
        ],
    }
    fleet = discover(root)
    yield Site(
        fleet=fleet,
        places=places,
        keys=KEYS,
        store=store,
        reader=Reader(store.path),
        feed=feed,
        stream=stream,
        needs=declared(fleet),
        speaking=with_events(fleet),
    )
    store.close()


@pytest.fixture(name="anyone")
def _anyone(site: Site) -> Iterator[TestClient]:
    """A browser that was not let in."""
    app = Console(site).app()
    with TestClient(app, base_url=ORIGIN, follow_redirects=False) as client:
        yield client


@pytest.fixture(name="browser")
def _browser(anyone: TestClient) -> TestClient:
    """The browser of the fleet's owner, after it has shown the token."""
    answer = anyone.get("/login", params={"t": KEYS.token})
    assert answer.status_code == 303
    return anyone
