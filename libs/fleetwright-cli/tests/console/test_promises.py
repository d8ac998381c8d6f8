"""The contracts of a fleet as a matrix, and what its repository was found to be."""

import threading
from pathlib import Path
from typing import Any

import pytest
from made_contracts import CLIENT, EVENTS, api, freeze, sends
from made_telemetry import WRITES
from starlette.testclient import TestClient

from fleetwright_cli.console._asked import asked
from fleetwright_cli.console._checked import Checked
from fleetwright_cli.console._site import Site


@pytest.fixture(name="frozen")
def _frozen(root: Path) -> Path:
    """A fleet where orders calls catalog, and stock hears what orders publishes."""
    for service, name, text in (
        ("orders", "clients.py", CLIENT),
        ("stock", "events.py", EVENTS),
    ):
        package = root / "services" / service / "src" / service
        (package / name).write_text(text, "utf-8")
    call = {
        "client": "orders.clients:Catalog",
        "provider": "catalog",
        "is_external": False,
        "needs": api({"type": "integer"}, "2XX"),
    }
    heard = {
        "event": "stock.events:OrderPlaced",
        "topic": "orders.placed",
        "version": 1,
        "schema": {"type": "object"},
    }
    freeze(root, "orders", "needs", {"calls": [call], "rpc": [], "hears": []})
    freeze(root, "stock", "needs", {"calls": [], "rpc": [], "hears": [heard]})
    freeze(root, "catalog", "openapi", api({"type": "integer"}))
    freeze(root, "orders", "asyncapi", sends("orders.placed", {"type": "object"}))
    return root


def cell(matrix: dict[str, Any], row: str, column: str) -> str:
    """Return the verdict where two meet."""
    [cells] = [it["cells"] for it in matrix["rows"] if it["name"] == row]
    return str(cells[matrix["columns"].index(column)]["verdict"])


def test_matrix_says_who_fits(frozen: Path, browser: TestClient) -> None:
    """Every consumer and provider, every topic and who hears it."""
    found = browser.get("/api/contracts").json()

    assert cell(found["calls"], "orders", "catalog") == "fits"
    assert cell(found["events"], "orders.placed", "stock") == "fits"
    assert found["edges"] == 2
    assert "orders needs catalog" in browser.get("/contracts").text


def test_change_of_a_promise_is_seen_at_once_with_its_witness(
    frozen: Path, browser: TestClient
) -> None:
    """And with the line of the consumer that does not get what it needs."""
    before = browser.get("/api/contracts").json()
    freeze(frozen, "catalog", "openapi", api({"type": "string"}))

    opened = "consumer=orders&provider=catalog"
    found = browser.get(f"/api/contracts?{opened}").json()
    page = browser.get(f"/contracts?{opened}").text

    assert cell(before["calls"], "orders", "catalog") == "fits"
    assert cell(found["calls"], "orders", "catalog") == "breaks"
    [edge] = found["opened"]
    [finding] = edge["findings"]
    assert edge["place"] == "services/orders/src/orders/clients.py:4"
    assert finding["file"] == "services/orders/src/orders/clients.py"
    assert finding["line"] == 5
    assert "price" in finding["shown"]
    assert "clients.py:5" in page
    assert "breaks" in page


def test_event_that_nobody_understands_is_in_the_matrix(
    frozen: Path, browser: TestClient
) -> None:
    """Once its publisher writes something else."""
    freeze(frozen, "orders", "asyncapi", sends("orders.placed", {"type": "array"}))

    found = browser.get("/api/contracts?consumer=stock&provider=orders.placed").json()

    assert cell(found["events"], "orders.placed", "stock") == "breaks"
    [edge] = found["opened"]
    assert edge["sources"] == ["orders"]
    assert [one["rule"] for one in edge["findings"]] == ["event-not-understood"]


def test_contract_that_cannot_be_read_is_told(
    frozen: Path, browser: TestClient
) -> None:
    """And nothing else of the page is lost; mended, it is compared."""
    file = frozen / "services" / "catalog" / "contracts" / "openapi.json"
    file.write_text("{", "utf-8")
    page = browser.get("/contracts").text
    freeze(frozen, "catalog", "openapi", api({"type": "integer"}))

    assert "the contract cannot be read" in page
    assert browser.get("/api/contracts").json()["failed"] == ""


def test_fleet_without_contracts_says_how_to_freeze_them(browser: TestClient) -> None:
    """An empty matrix is no page."""
    assert "fleet contracts freeze" in browser.get("/contracts").text


def test_checks_are_looked_at_once_and_again_when_asked(
    root: Path, site: Site, browser: TestClient
) -> None:
    """The page says when, and by section; a fleet of files breaks something."""
    told = threading.Event()
    checked = Checked(root, lambda kinds: told.set())
    assert checked.again()
    assert not checked.again()
    assert told.wait(120)

    found = checked.checks(site, asked())
    names = [section["name"] for section in found["sections"]]
    assert found["failed"] == ""
    assert found["at"] > 0
    assert len(names) == len(set(names)) > 0
    assert "4. Project & Service Structure" in names
    assert browser.post("/api/checks/again", json={}, headers=WRITES).json()["checking"]
