"""The console of a running shop, as a person uses it: one start for all tests."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from test_fleet_up import Shop, ask

PAGES = (
    *("/", "/logs", "/traces", "/map", "/metrics", "/events", "/explorer"),
    *("/faults", "/runs", "/contracts", "/checks", "/resources/orders"),
)
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
ORDER = {
    "reference": "console",
    "customer_id": None,
    "country": "France",
    "lines": [{"sku": "71053", "quantity": 1}],
}
CAPTURING = """
[up.services.orders]
environment = { CAPTURE_CALLS = "true" }

[up.services.stock]
environment = { CAPTURE_CALLS = "true" }
"""
PATIENCE = 30_000
TRIES = 5  # on a machine that is busy a service refuses what it cannot do in time
SECONDS_TO_END = 15.0
MOST_NEW_ELEMENTS = 4_000  # two hundred lines, each with its fields


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Orders and what it calls, running, with one order placed."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    manifest = shop.folder / "fleet.toml"
    console = f"[up]\nconsole_port = {shop.port + 15}\n"
    text = manifest.read_text("utf-8").replace("[up] #", f"{console}#", 1)
    manifest.write_text(text + CAPTURING, "utf-8")
    shop.fleet("up", "orders", "--detach", "--no-reload")
    shop.sell("WHITE METAL LANTERN")
    token = shop.token("orders", "orders:write")
    ask("POST", f"{shop.url('orders')}/v1/orders", token, ORDER)
    yield shop
    shop.fleet("down")


@pytest.fixture(scope="module", name="browser")
def _browser(chromium: str) -> Iterator[Browser]:
    """A browser without a screen."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield started
        started.close()


def opened(browser: Browser, shop: Shop, **looks: Any) -> Page:
    """Return a page of the owner, who has opened the printed address."""
    address = shop.fleet("open")
    context = browser.new_context(base_url=address["url"], **looks)
    page = context.new_page()
    page.goto(address["login_url"])
    return page


@pytest.fixture(scope="module", name="page")
def _page(browser: Browser, shop: Shop) -> Page:
    """A page that stays open for all tests."""
    return opened(browser, shop, viewport={"width": 1600, "height": 1060})


@pytest.fixture(scope="module", name="axe")
def _axe() -> str:
    """The text of axe-core, which finds what keeps people from using a page."""
    file = os.environ.get("AXE_CORE")
    if file:
        return Path(file).read_text("utf-8")
    reason = "set AXE_CORE to what scripts/axe prints"
    if os.environ.get("FLEET_REQUIRE_AXE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def two_traces(shop: Shop) -> tuple[str, str]:
    """Return the address of two traces beside each other, and of one with a span."""
    until = time.monotonic() + PATIENCE / 1000
    while len(found := shop.fleet("traces")["traces"]) < 2:  # sent within seconds
        assert time.monotonic() < until, found
    one, other = found[:2]
    [first, *_] = shop.fleet("traces", one["id"])["spans"]
    return (
        f"/compare?one={one['id']}&other={other['id']}",
        f"/traces/{one['id']}?span={first['id']}",
    )


@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_nobody_is_kept_from_using_a_page(
    browser: Browser, shop: Shop, axe: str, scheme: str
) -> None:
    """No serious or critical finding of axe on any page, light and dark."""
    page = opened(browser, shop, color_scheme=scheme)
    opens = "/contracts?consumer=orders&provider=catalog"
    found = []
    for path in (*PAGES, *two_traces(shop), opens):
        page.goto(path)
        late = page.locator("fw-live[late] .empty", has_text="…")
        expect(late).to_have_count(0, timeout=4 * PATIENCE)
        page.evaluate(axe)
        said = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [
            f"{path}: {it['id']}, {it['nodes'][0]['html']}"
            for it in said["violations"]
            if it["impact"] in ("serious", "critical")
        ]

    assert found == []
    page.close()


@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_pages_ask_nothing_of_others_and_break_nothing(
    browser: Browser, shop: Shop, scheme: str
) -> None:
    """Every page, light and dark: no error, no style that the policy forbids."""
    page = opened(browser, shop, color_scheme=scheme)
    broken: list[str] = []
    hosts: set[str] = set()
    page.on("console", lambda said: broken.append(said.text))
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))

    for path in (*PAGES, *two_traces(shop)):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200
        expect(
            page.locator("nav a.on, main.resource, main.compare, main.trace")
        ).not_to_have_count(0)

    assert broken == []
    assert len(hosts) == 1
    page.close()


def test_call_is_followed_from_the_overview_to_its_lines(page: Page) -> None:
    """What was called, by whom, how long it took, and what was said meanwhile."""
    page.goto("/")
    row = page.locator("#r-orders")
    expect(row.get_by_text("ready")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".node", has_text="catalog")).to_be_visible()

    page.goto("/traces?q=/v1/orders")
    page.locator("tbody a.name").first.click(timeout=PATIENCE)

    names = page.locator(".waterfall .name")
    expect(names.filter(has_text="orders").first).to_be_visible(timeout=PATIENCE)
    expect(names.filter(has_text="catalog").first).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".row.said").first).to_be_visible(timeout=PATIENCE)
    names.first.click()
    expect(page.get_by_text("http.route")).to_be_visible()


def test_failing_call_is_three_clicks_from_the_map(page: Page, shop: Shop) -> None:
    """Its edge tells of errors; from there to the trace, and to what was said in it."""
    shop.fleet("faults", "add", "orders->catalog", "--error", "503")
    with pytest.raises(HTTPError):
        token = shop.token("orders", "orders:write")
        ask("POST", f"{shop.url('orders')}/v1/orders", token, ORDER)
    shop.fleet("faults", "clear")
    edge = page.locator("tr", has_text="orders").filter(has_text="catalog").first
    until = time.monotonic() + 2 * PATIENCE / 1000
    while not edge.get_by_role("link", name="%").count():
        assert time.monotonic() < until
        page.goto("/map")

    edge.get_by_role("link", name="%").click()
    page.locator("tbody a.name", has_text="POST /v1/orders").first.click()
    expect(page.locator(".state.failed").first).to_be_visible(timeout=PATIENCE)
    page.get_by_role("link", name="its log lines").click()

    expect(page.locator(".line", has_text="retry.stopped").first).to_be_visible()


def test_parked_event_is_tried_again(page: Page, shop: Shop) -> None:
    """What came back and was never sold is refused again, and told so."""
    token = shop.token("orders", "orders:write")
    order = ask("POST", f"{shop.url('orders')}/v1/orders", token, ORDER)["id"]
    returned = {"order_id": order, "refund_id": order, "sku": "71053", "quantity": 1}
    words = ("orders.returned", "--service", "stock", json.dumps(returned))
    shop.fleet("events", "publish", *words)
    page.goto("/events")
    row = page.locator("tr", has_text="TransitionError")
    expect(row).to_be_visible(timeout=2 * PATIENCE)

    row.get_by_role("button", name="try again").click()

    expect(page.get_by_text("1 of 1 tried again")).to_be_visible(timeout=PATIENCE)


def test_state_is_in_the_address(page: Page) -> None:
    """A filter is a link; the address alone shows the same again."""
    page.goto("/logs")
    page.locator(".chip", has_text="catalog").click()
    page.wait_for_url("**/logs?service=catalog")
    said = page.locator(".line .by").all_inner_texts()
    page.reload()

    assert set(said) == {"catalog"}
    assert set(page.locator(".line .by").all_inner_texts()) == {"catalog"}


def test_keyboard_leads_everywhere(page: Page) -> None:
    """Pages by two letters, rows by j and k, the search by a slash."""
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/traces")
    page.keyboard.press("j")
    expect(page.locator("tr.marked")).to_have_count(1)
    page.keyboard.press("/")
    page.keyboard.type("ready")
    page.keyboard.press("Enter")
    page.wait_for_url("**/logs?q=ready")
    expect(page.locator(".line").first).to_contain_text("ready")


def test_fault_is_switched_on_where_it_is_drawn(page: Page, shop: Shop) -> None:
    """The command line sees the same; switched off, it is gone."""
    page.goto("/faults?caller=orders&provider=catalog")
    page.locator("select[name=error]").select_option("503")
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator("tbody", has_text="orders->catalog")).to_be_visible(
        timeout=PATIENCE
    )
    [fault] = shop.fleet("faults", "list")["faults"]
    assert (fault["edge"], fault["error"]) == ("orders->catalog", 503)

    page.get_by_role("button", name="off", exact=True).click()
    expect(page.get_by_text("No faults are switched on")).to_be_visible(
        timeout=PATIENCE
    )
    assert shop.fleet("faults", "list")["faults"] == []


def log_level(shop: Shop, *level: str) -> str:
    """Return what the catalog logs at, after it was asked for a level."""
    [one] = shop.fleet("log-level", "catalog", *level)["services"]
    return str(one["level"])


def test_log_level_is_changed_while_a_service_runs(page: Page, shop: Shop) -> None:
    """By command and on the page, without a restart."""
    assert log_level(shop) == "INFO"
    assert log_level(shop, "debug") == "DEBUG"

    page.goto("/resources/catalog")
    chip = page.get_by_role("button", name="debug", exact=True)
    expect(chip).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
    page.get_by_role("button", name="warning", exact=True).click()
    chip = page.get_by_role("button", name="back to info")
    expect(chip).to_be_visible(timeout=PATIENCE)
    assert log_level(shop) == "WARNING"


@pytest.mark.parametrize(
    ("service", "call", "status"),
    (
        ("orders", "POST /v1/orders", "201"),
        ("stock", "GRPC /shop.stock.v1.Stock/Hold", "200"),
    ),
)
def test_captured_call_is_sent_again_and_saved_as_a_test(
    page: Page, shop: Shop, service: str, call: str, status: str
) -> None:
    """With a token of whoever made it; the saved test passes beside the shop."""
    page.goto(f"/explorer?service={service}")
    row = page.locator("tr", has_text=call)
    row.get_by_role("link", name="send again").first.click(timeout=PATIENCE)
    send, answer = page.get_by_role("button", name="Send"), page.locator("#answer h2")
    statuses: list[str] = []
    while status not in statuses and len(statuses) < TRIES:
        answer.evaluate_all("those => those.forEach((one) => one.remove())")
        send.click()
        expect(answer).to_contain_text(" in ", timeout=2 * PATIENCE)
        statuses.append(answer.inner_text().split()[0])
    assert statuses[-1] == status
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as a test").click()

    file = shop.folder / download.value.suggested_filename
    download.value.save_as(file)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    said: list[bytes] = []
    while not any(b"1 passed" in it for it in said) and len(said) < TRIES:
        done = subprocess.run(words, cwd=shop.folder, capture_output=True, check=False)
        said.append(done.stdout)
    assert b"1 passed" in said[-1], said[-1].decode()


def restarts(shop: Shop) -> int:
    """Return how often the catalog was started again."""
    services = shop.fleet("ps")["services"]
    return int(next(it["restarts"] for it in services if it["name"] == "catalog"))


def test_process_is_restarted_only_when_a_person_says_yes(
    page: Page, shop: Shop
) -> None:
    """It is asked; the page shows what becomes of it without being loaded again."""
    before = restarts(shop)
    page.goto("/")
    button = page.get_by_role("button", name="Restart catalog")
    button.click()
    page.get_by_role("button", name="Leave it").click()
    assert restarts(shop) == before

    button.click()
    page.locator("dialog .danger").click()

    row = page.locator("#r-catalog")
    expect(row.get_by_text(f"{before + 1} restart")).to_be_visible(timeout=PATIENCE)
    expect(row.locator(".state.ready")).to_be_visible(timeout=PATIENCE)
    page.goto("/resources/catalog")
    expect(page.locator(".timeline").get_by_text("stopping").first).to_be_visible()
    assert log_level(shop) == "INFO"  # as it is configured, whatever was asked before


def console_pid(shop: Shop) -> int:
    """Return the process of the console, as its port is listened on."""
    words = f"-m fleetwright_cli.console {shop.folder.resolve()} "
    [pid] = [
        int(one.name)
        for one in Path("/proc").iterdir()
        if one.name.isdecimal() and words in command_of(one)
    ]
    return pid


def command_of(process: Path) -> str:
    """Return what a process was started with; nothing when it is gone."""
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def test_page_that_stays_open_follows_a_console_that_comes_back(
    page: Page, shop: Shop
) -> None:
    """Its stream is opened again, what it shows is new and no more than before."""
    token = shop.token("catalog", "catalog:read")
    count = "document.querySelectorAll('*').length"
    products = f"{shop.url('catalog')}/v1/products"
    page.goto("/resources/catalog")
    states = page.locator(".timeline li")
    expect(states.first).to_be_visible(timeout=PATIENCE)
    elements = int(page.evaluate(count))
    os.kill(console_pid(shop), signal.SIGKILL)
    asked = ["71053"] * 220 + ["nothing"] * TRIES  # more than a page shows lines of
    for sku in asked:
        with suppress(HTTPError):
            ask("GET", f"{products}/{sku}", token)

    lines = page.locator(".lines")
    expect(lines.get_by_text("status=404").first).to_be_visible(timeout=4 * PATIENCE)
    said = states.all_inner_texts()
    assert len(said) == len(set(said))
    assert int(page.evaluate(count)) < elements + MOST_NEW_ELEMENTS


def test_topics_are_those_of_the_services(page: Page) -> None:
    """As `fleet events topics` shows them."""
    page.goto("/events")

    heard = page.locator("td", has_text="orders.placed").first
    expect(heard).to_be_visible(timeout=2 * PATIENCE)


def test_fleet_ends_at_once_though_a_page_is_open(page: Page, shop: Shop) -> None:
    """The stream of the page is told to end; what was kept can still be asked."""
    page.goto("/")
    began = time.monotonic()
    shop.fleet("down")

    assert time.monotonic() - began < SECONDS_TO_END
    assert shop.fleet("traces")["traces"]
    rows = shop.fleet("sql", "select count(*) n from run where ended_ns > 0")["rows"]
    assert rows == [{"n": 1}]
