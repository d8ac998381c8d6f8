"""What a tree changes in its contracts since it left main, as a page shows it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from made_contracts import CLIENT, api, freeze
from starlette.testclient import TestClient

NOBODY = {
    "GIT_AUTHOR_NAME": "it",
    "GIT_AUTHOR_EMAIL": "it@example.org",
    "GIT_COMMITTER_NAME": "it",
    "GIT_COMMITTER_EMAIL": "it@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def git(root: Path, *words: str) -> None:
    """Have git do something."""
    environment = {**os.environ, **NOBODY}
    done = subprocess.run(
        ["git", "-C", str(root), *words],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def commit(root: Path) -> None:
    """Have the contracts and the sources as they are in git."""
    git(root, "add", "services", "fleet.toml")
    git(root, "commit", "-qm", "it")


@pytest.fixture(name="branch")
def _branch(root: Path) -> Path:
    """A branch off main, where orders asks catalog for a price."""
    package = root / "services" / "orders" / "src" / "orders"
    (package / "clients.py").write_text(CLIENT, "utf-8")
    call = {
        "client": "orders.clients:Catalog",
        "provider": "catalog",
        "is_external": False,
        "needs": api({"type": "integer"}, "2XX"),
    }
    freeze(root, "orders", "needs", {"calls": [call], "rpc": [], "hears": []})
    freeze(root, "catalog", "openapi", api({"type": "integer"}))
    git(root, "init", "-q", "-b", "main")
    commit(root)
    git(root, "checkout", "-q", "-b", "mine")
    return root


def changes(browser: TestClient) -> dict[str, Any]:
    """Return what the console says."""
    found: dict[str, Any] = browser.get("/api/changes").json()
    return found


def test_break_is_shown_with_whom_it_breaks(branch: Path, browser: TestClient) -> None:
    """The value and the line of the caller; mended, it is gone."""
    before = changes(browser)
    freeze(branch, "catalog", "openapi", api({"type": "string"}))
    found = changes(browser)
    page = browser.get("/part/changes").text
    freeze(branch, "catalog", "openapi", api({"type": "integer"}))

    assert before["changes"] == []
    assert "say what they said" in browser.get("/part/changes").text
    [change] = found["changes"]
    [caller] = change["callers"]
    assert found["breaking"] == 1
    assert (change["service"], change["severity"]) == ("catalog", "error")
    assert (caller["service"], caller["line"], caller["breaks"]) == ("orders", 5, True)
    assert "services/orders/src/orders/clients.py:5" in page
    assert "1 breaks" in page
    assert json.dumps(change["witness"], indent=2)[:10] in found["changes"][0]["shown"]


def test_what_main_does_meanwhile_is_not_ours(
    branch: Path, browser: TestClient
) -> None:
    """It is compared with where this tree left main, committed or not."""
    git(branch, "checkout", "-q", "main")
    freeze(branch, "catalog", "openapi", api({"type": "string"}))
    commit(branch)
    git(branch, "checkout", "-q", "mine")

    assert changes(browser)["changes"] == []


def test_nothing_is_compared_where_there_is_no_main(
    root: Path, browser: TestClient
) -> None:
    """And the page says why."""
    without = browser.get("/part/changes").text
    git(root, "init", "-q", "-b", "trunk")
    commit(root)

    assert "there is no git history here" in without
    assert "is not known here" in browser.get("/part/changes").text


def test_fleet_without_contracts_is_told_how_to_freeze(
    root: Path, browser: TestClient
) -> None:
    """Nothing that is kept is not the same as nothing that changed."""
    git(root, "init", "-q", "-b", "main")
    commit(root)

    assert "fleet contracts freeze" in browser.get("/part/changes").text


def test_contract_that_cannot_be_read_is_told(
    branch: Path, browser: TestClient
) -> None:
    """With its file."""
    file = branch / "services" / "catalog" / "contracts" / "openapi.json"
    file.write_text("{", "utf-8")

    assert "the contract cannot be read" in browser.get("/part/changes").text
