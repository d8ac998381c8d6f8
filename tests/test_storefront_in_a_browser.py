"""The whole shop, its processes on this machine, used by a real browser.

Skipped with a reason where no Chromium is installed; FLEET_REQUIRE_BROWSER=1 turns the
skip into a failure. CHROMIUM names the browser when it is not on the PATH.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SERVICES = (
    "issuer",
    "catalog",
    "stock",
    "orders",
    "payments",
    "notifications",
    "vouchers",
    "storefront",
)
SECRET = "a-secret-of-these-tests"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
PAID_MILLISECONDS = 30_000
PRODUCTS = {
    "85123A": ("WHITE HANGING HEART T-LIGHT HOLDER", 255),
    "71053": ("WHITE METAL LANTERN", 339),
    "22423": ("REGENCY CAKESTAND 3 TIER", 1275),
}


class Shop:
    """The services and an issuer as processes, their data and ports of their own."""

    def __init__(self, home: Path) -> None:
        """Prepare the environment of every service below `home`."""
        self._home = home
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        listening = (*SERVICES, "stock.grpc")
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in listening]
        self._ports = {
            name: opened.getsockname()[1]
            for name, opened in zip(listening, sockets, strict=True)
        }
        for opened in sockets:
            opened.close()
        self.urls = {
            name: f"http://127.0.0.1:{port}" for name, port in self._ports.items()
        }
        (home / "map.json").write_text(json.dumps(self.urls))

    def start(self, *names: str) -> None:
        """Start services together and return when all of them are ready."""
        for name in names:
            self._processes[name] = self._spawn(name)
        until = time.monotonic() + START_SECONDS
        for name in names:
            while not self._is_ready(name):
                assert (
                    time.monotonic() < until
                ), f"{name} is not ready: {self.log(name)}"

    def stop(self, *names: str) -> dict[str, int]:
        """Ask services to stop and return their exit codes."""
        stopping = {name: self._processes.pop(name) for name in names}
        for process in stopping.values():
            process.send_signal(signal.SIGTERM)
        try:
            return {
                name: process.wait(STOP_SECONDS) for name, process in stopping.items()
            }
        finally:
            for process in stopping.values():
                process.kill()

    def stop_all(self) -> dict[str, int]:
        """Stop what runs and return the exit codes."""
        return self.stop(*self._processes)

    def log(self, name: str) -> str:
        """Return the last words of a service."""
        return (self._home / f"{name}.log").read_text()[-4000:]

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        folder = self._home if name == "issuer" else ROOT / "services" / name
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(folder / "src"),
            "HOST": "127.0.0.1",
            "PORT": str(self._ports[name]),
            "GRPC_PORT": str(self._ports.get(f"{name}.grpc", 0)),
            "LOG_FORMAT": "json",
            "DATABASE_URL": f"sqlite+aiosqlite:///{self._home / name}.db",
            "BROKER_URL": f"embedded:///{self._home / 'broker.db'}",
            "FLEET_MAP": str(self._home / "map.json"),
            "ENVIRONMENT": "development",
            "AUTH_ISSUER": self.urls["issuer"],
            "AUTH_JWKS_URL": f"{self.urls['issuer']}/.well-known/jwks.json",
            "TOKEN_URL": f"{self.urls['issuer']}/token",
            "TOKEN_CLIENT_SECRET": SECRET,
            "ISSUER_URL": self.urls["issuer"],
            "ISSUER_CLIENTS": json.dumps(dict.fromkeys((*SERVICES, "fleet"), SECRET)),
            # A bank that says yes: what it refuses is chosen by chance otherwise.
            "BANK_SLOW_SHARE": "0",
            "BANK_DOWN_SHARE": "0",
            "BANK_DECLINED_SHARE": "0",
        }
        run = ["fleetwright.serve", f"{name}.app:create_app", "--migrate"]
        if name == "issuer":
            run = ["fleetwright.issuer"]
        with (self._home / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *run],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def headers(self, service: str) -> dict[str, str]:
        """Return what a clerk shows to a service."""
        form = {
            "grant_type": "client_credentials",
            "audience": service,
            "subject": "clerk",
            "scope": "catalog:write orders:read vouchers:issue vouchers:read",
            "roles": "clerk",
        }
        url = f"{self.urls['issuer']}/token"
        answer = httpx2.post(url, data=form, auth=("fleet", SECRET))
        token = answer.raise_for_status().json()["access_token"]
        return {"Authorization": f"Bearer {token}"}

    def _is_ready(self, name: str) -> bool:
        """Ask once; a service that has ended is an error, waiting is short."""
        try:
            self._processes[name].wait(0.1)
        except subprocess.TimeoutExpired:
            pass
        else:
            pytest.fail(f"{name} has ended: {self.log(name)}")
        try:
            answer = httpx2.get(f"{self.urls[name]}/readyz", timeout=2)
        except httpx2.TransportError:
            return False
        return answer.status_code == 200


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Start the browser."""
    quiet = ["--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"]
    if os.geteuid() == 0:
        quiet.append("--no-sandbox")  # Chromium will not start as root with it
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=quiet)
        yield started
        started.close()


@pytest.fixture(scope="module")
def shop(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Start the shop with three products; every service must end with 0."""
    fleet = Shop(tmp_path_factory.mktemp("shop"))
    try:
        fleet.start(*SERVICES)
        for sku, (name, price_pence) in PRODUCTS.items():
            url = f"{fleet.urls['catalog']}/v1/products/{sku}"
            product = {"name": name, "price_pence": price_pence}
            shown = fleet.headers("catalog")
            assert httpx2.put(url, json=product, headers=shown).status_code == 201
        yield fleet
    finally:
        codes = fleet.stop_all()
    assert set(codes.values()) == {0}, codes


@pytest.fixture
def page(browser: Browser, shop: Shop) -> Iterator[Page]:
    """Open a window of the shop; nothing may complain in its console."""
    context = browser.new_context(base_url=shop.urls["storefront"])
    window = context.new_page()
    complaints: list[str] = []
    window.on(
        "console",
        lambda said: complaints.append(said.text) if said.type == "error" else None,
    )
    window.on("pageerror", lambda error: complaints.append(str(error)))
    yield window
    context.close()
    assert complaints == []


def put_into_basket(page: Page, words: str, quantity: int) -> None:
    """Search a product by its words, open its page and put units into the basket."""
    page.goto("/")
    page.get_by_label("Search products").fill(words)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("listitem").get_by_role("link").first.click()
    page.get_by_label("Quantity").fill(str(quantity))
    page.get_by_role("button", name="Add to basket").click()


def test_order_placed_in_the_browser_becomes_paid(page: Page, tmp_path: Path) -> None:
    """From the grid to a paid order; the page shows the change by itself."""
    put_into_basket(page, "heart", 2)
    put_into_basket(page, "22423", 1)
    expect(page.get_by_text("£17.85")).to_be_visible()
    page.get_by_label("Deliver to").select_option("France")
    page.get_by_label("Customer number").fill("17850")

    page.get_by_role("button", name="Order and pay").click()

    paid = page.get_by_role("heading", name="Your order is paid")
    expect(paid).to_be_visible(timeout=PAID_MILLISECONDS)
    expect(page.get_by_text("France")).to_be_visible()
    expect(page.get_by_role("link", name="Basket")).not_to_contain_text("3")
    page.screenshot(path=tmp_path / "paid.png", full_page=True)
    assert (tmp_path / "paid.png").stat().st_size > 10_000


def test_button_pressed_twice_orders_once(page: Page, shop: Shop) -> None:
    """Two clicks in a row lead to one order."""
    before = order_count(shop)
    put_into_basket(page, "lantern", 1)

    page.get_by_role("button", name="Order and pay").dblclick()

    page.wait_for_url("**/orders/*")
    assert order_count(shop) == before + 1


def test_shop_works_without_javascript(browser: Browser, shop: Shop) -> None:
    """Ordering needs no script; the page of the order reloads itself instead."""
    context = browser.new_context(
        base_url=shop.urls["storefront"], java_script_enabled=False
    )
    page = context.new_page()
    put_into_basket(page, "lantern", 3)

    page.get_by_role("button", name="Order and pay").click()

    paid = page.get_by_role("heading", name="Your order is paid")
    expect(paid).to_be_visible(timeout=PAID_MILLISECONDS)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_pages_fit_every_window(
    browser: Browser, shop: Shop, tmp_path: Path, scheme: str, width: int
) -> None:
    """Nothing has to be scrolled sideways, on a phone or on a desk, by day or night."""
    context = browser.new_context(
        base_url=shop.urls["storefront"],
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    put_into_basket(page, "lantern", 1)
    for path in ("/", "/?search=heart", "/products/71053", "/basket", "/nowhere"):
        page.goto(path)
        page.screenshot(
            path=tmp_path / f"{path.strip('/?') or 'grid'}.png".replace("/", "-")
        )
        beyond = "document.documentElement.scrollWidth - window.innerWidth"
        assert page.evaluate(beyond) <= 0, f"{path} at {width} pixels"
    context.close()


def test_shop_stays_open_while_the_catalog_is_down(page: Page, shop: Shop) -> None:
    """The products seen last are shown with a notice, the basket is kept."""
    put_into_basket(page, "cakestand", 1)
    shop.stop("catalog")
    try:
        page.goto("/")
        expect(page.get_by_role("status")).to_contain_text("does not answer")
        expect(page.get_by_role("listitem").first).to_be_visible()
        page.goto("/basket")
        expect(page.get_by_text("£12.75").first).to_be_visible()
    finally:
        shop.start("catalog")


def test_voucher_is_spent_on_an_order(page: Page, shop: Shop, tmp_path: Path) -> None:
    """A good code is credited, and the form is gone: an order takes one voucher."""
    order = place_order(page)
    code = new_voucher(shop, 500)

    page.get_by_label("Voucher code").fill(code.lower())
    page.get_by_role("button", name="Redeem").click()

    expect(page.get_by_text("£5.00 credited")).to_be_visible()
    expect(page.get_by_label("Voucher code")).to_have_count(0)
    page.screenshot(path=tmp_path / "credited.png", full_page=True)
    url = f"{shop.urls['vouchers']}/v1/vouchers/{code}"
    answer = httpx2.get(url, headers=shop.headers("vouchers")).json()
    assert (answer["status"], answer["redemption"]["order_id"]) == ("spent", order)


def test_wrong_voucher_is_explained_beside_the_order(
    browser: Browser, shop: Shop, tmp_path: Path
) -> None:
    """The order stays in sight, what was typed in the field; on a phone too."""
    context = browser.new_context(
        base_url=shop.urls["storefront"], viewport={"width": 320, "height": 800}
    )
    page = context.new_page()
    place_order(page)

    page.get_by_label("Voucher code").fill("WRONG")
    page.get_by_role("button", name="Redeem").click()

    expect(page.get_by_role("alert")).to_contain_text("no voucher of this code")
    expect(page.get_by_label("Voucher code")).to_have_value("WRONG")
    expect(page.get_by_text("£12.75").first).to_be_visible()
    page.screenshot(path=tmp_path / "refused.png", full_page=True)
    beyond = "document.documentElement.scrollWidth - window.innerWidth"
    assert page.evaluate(beyond) <= 0
    context.close()


def test_order_is_shown_while_vouchers_is_down(
    page: Page, shop: Shop, tmp_path: Path
) -> None:
    """The page does without the voucher and says so; a reload finds it back."""
    order = place_order(page)
    shop.stop("vouchers")
    try:
        page.goto(f"/orders/{order}")
        expect(page.get_by_role("status")).to_contain_text("voucher desk does not")
        expect(page.get_by_text("£12.75").first).to_be_visible()
        page.screenshot(path=tmp_path / "away.png", full_page=True)
    finally:
        shop.start("vouchers")
    page.reload()
    expect(page.get_by_label("Voucher code")).to_be_visible()


def place_order(page: Page) -> str:
    """Order a cakestand and return the order's id."""
    put_into_basket(page, "cakestand", 1)
    page.get_by_role("button", name="Order and pay").click()
    paid = page.get_by_role("heading", name="Your order is paid")
    expect(paid).to_be_visible(timeout=PAID_MILLISECONDS)
    return page.url.rsplit("/", 1)[1]


def new_voucher(shop: Shop, amount_pence: int) -> str:
    """Issue a voucher and return its code."""
    answer = httpx2.post(
        f"{shop.urls['vouchers']}/v1/vouchers",
        json={"amount_pence": amount_pence},
        headers={"Idempotency-Key": str(uuid.uuid4())} | shop.headers("vouchers"),
    )
    code: str = answer.raise_for_status().json()["code"]
    return code


def order_count(shop: Shop) -> int:
    """Return how many orders were placed so far."""
    url = f"{shop.urls['orders']}/v1/orders"
    answer = httpx2.get(url, headers=shop.headers("orders"))
    total: int = answer.raise_for_status().json()["total"]
    return total
