"""The whole fleet as `fleet up` runs it: used by a browser, stopped under load."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
BUYERS = 8
ACCEPTED_BEFORE_DOWN = 60
MOST_SECONDS = 120.0
# A bank that says yes: whom it refuses is chosen by chance otherwise.
BANK = """
[up.services.payments]
environment = { BANK_DECLINED_SHARE = "0", BANK_DOWN_SHARE = "0" }
"""


def ask(method: str, url: str, token: str, body: object = None) -> Any:
    """Return the JSON answer of one call with an idempotency key of its own."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Idempotency-Key": str(uuid.uuid4()),
    }
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


def free_ports(count: int) -> int:
    """Return the first of so many neighbouring free ports."""
    for first in range(21_000, 30_000, count):
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", first)) and all(
                probe.connect_ex(("127.0.0.1", first + n)) for n in range(1, count)
            ):
                return first
    raise AssertionError("no free ports")


class Shop:
    """The shop in a folder of its own: the same code, other ports and data.

    Attributes:
        folder: Its root.
        port: Where the first service listens; the others follow.
    """

    def __init__(self, folder: Path) -> None:
        """Lay the folder out.

        Args:
            folder: An empty folder.
        """
        self.folder = folder
        self.port = free_ports(16)
        manifest = (ROOT / "fleet.toml").read_text(encoding="utf-8")
        manifest = manifest.replace("first_port = 8000", f"first_port = {self.port}")
        (folder / "fleet.toml").write_text(manifest + BANK, encoding="utf-8")
        for name in ("libs", "services"):
            (folder / name).symlink_to(ROOT / name)

    def fleet(self, *words: str) -> Any:
        """Run a command of the tool and return its JSON answer."""
        done = subprocess.run(
            [sys.executable, "-m", "fleetwright_cli", *words, "--json"],
            cwd=self.folder,
            env={**os.environ, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    def url(self, service: str) -> str:
        """Return where a service answers."""
        file = self.folder / ".fleet" / "run" / "map.json"
        return str(json.loads(file.read_text(encoding="utf-8"))[service])

    def token(self, service: str, scope: str) -> str:
        """Return a clerk's token for a service."""
        words = ("--as", "clerk", "--role", "clerk", "--scope", scope)
        return str(self.fleet("token", service, *words)["access_token"])

    def sell(self, name: str) -> None:
        """Put a product into the catalog."""
        url = f"{self.url('catalog')}/v1/products/71053"
        token = self.token("catalog", "catalog:write")
        ask("PUT", url, token, {"name": name, "price_pence": 339})

    def orders(self) -> dict[str, str]:
        """Return the state of each order in the database, by id without dashes."""
        file = self.folder / ".fleet" / "data" / "orders.db"
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            rows = database.execute("select id, state from orders").fetchall()
        return {str(id).replace("-", ""): state for id, state in rows}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Give the shop, running; what still runs at the end is stopped."""
    running = Shop(tmp_path)
    running.fleet("up", "--detach", "--no-reload")
    yield running
    running.fleet("down")


def test_order_placed_in_a_browser_becomes_paid(
    shop: Shop, chromium: str, tmp_path: Path
) -> None:
    """`fleet up`, then from the grid to a paid order; a picture of it is kept."""
    shop.sell("WHITE METAL LANTERN")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=quiet)
        page = browser.new_page()
        page.goto(f"{shop.url('storefront')}/")
        page.get_by_role("button", name="Add").first.click()
        page.goto(f"{shop.url('storefront')}/basket")
        page.get_by_role("button", name="Order and pay").click()

        paid = page.get_by_role("heading", name="Your order is paid")
        expect(paid).to_be_visible(timeout=30_000)
        page.screenshot(path=tmp_path / "paid.png", full_page=True)
        browser.close()

    assert "paid" in shop.orders().values()


def buy(url: str, token: str, accepted: list[str], enough: threading.Event) -> None:
    """Place orders until the shop has closed; note those it has accepted."""
    order = {
        "reference": "load",
        "customer_id": None,
        "country": "France",
        "lines": [{"sku": "71053", "quantity": 1}],
    }
    while True:
        try:
            accepted.append(ask("POST", url, token, order)["id"])
        except urllib.error.HTTPError as error:
            assert error.code == 503  # it says that it is about to stop
        except OSError:
            return
        if len(accepted) >= ACCEPTED_BEFORE_DOWN:
            enough.set()


def test_shop_goes_on_selling_while_the_issuer_hangs(shop: Shop) -> None:
    """Services verify by the keys they have and show the tokens they have."""
    shop.sell("LANTERN")
    token = shop.token("orders", "orders:write")
    url = f"{shop.url('orders')}/v1/orders"
    order: dict[str, Any] = {"reference": "calm", "country": "France"}
    order |= {"customer_id": None, "lines": [{"sku": "71053", "quantity": 1}]}
    ask("POST", url, token, order)
    pids = {one["name"]: one["pid"] for one in shop.fleet("ps")["services"]}

    os.kill(pids["issuer"], signal.SIGSTOP)
    try:
        accepted = [ask("POST", url, token, order)["status"] for _ in range(5)]
    finally:
        os.kill(pids["issuer"], signal.SIGCONT)

    assert accepted == ["accepted"] * 5


def test_fleet_that_is_stopped_under_load_loses_no_accepted_order(shop: Shop) -> None:
    """All processes end with 0, none is left, and each accepted order is decided."""
    shop.sell("LANTERN")
    token = shop.token("orders", "orders:write")
    accepted: list[str] = []
    enough = threading.Event()
    url = f"{shop.url('orders')}/v1/orders"
    buyers = [
        threading.Thread(target=buy, args=(url, token, accepted, enough), daemon=True)
        for _ in range(BUYERS)
    ]
    pids = [one["pid"] for one in shop.fleet("ps")["services"]]
    for buyer in buyers:
        buyer.start()
    assert enough.wait(MOST_SECONDS)

    ended = shop.fleet("down")
    for buyer in buyers:
        buyer.join(MOST_SECONDS)

    assert [one["exit_code"] for one in ended["services"]] == [0] * len(pids)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    kept = {id.replace("-", "") for id in accepted}
    assert kept <= set(shop.orders())
    shop.fleet("up", "--detach", "--no-reload")
    settled = threading.Event()
    for _ in range(int(MOST_SECONDS / 0.2)):
        if "accepted" not in shop.orders().values():
            break
        settled.wait(0.2)
    states = shop.orders()
    assert {states[id] for id in kept} <= {"paid", "refused"}
