"""One order is one trace, through every service and every broker, without a gap."""

import asyncio
import re
import runpy
import secrets
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Client
from test_fleet_up import ROOT, Shop

from shop_replay.databases import drop

PARENT = "00f067aa0ba902b7"
PATIENCE_SECONDS = 120.0
THE_STEPS = {
    ("storefront", "POST /orders"),
    ("storefront", "POST /v1/orders"),
    ("orders", "POST /v1/orders"),
    ("orders", "POST /v1/quotes"),
    ("catalog", "POST /v1/quotes"),
    ("orders", "shop.stock.v1.Stock/Hold"),
    ("stock", "shop.stock.v1.Stock/Hold"),
    ("orders", "create orders.placed"),
    ("orders", "send orders.placed"),
    ("stock", "process orders.placed"),
    ("payments", "process orders.placed"),
    ("payments", "create payments.captured"),
    ("payments", "send payments.captured"),
    ("orders", "process payments.captured"),
    ("notifications", "process payments.captured"),
}
ON_THE_WAY = {service for service, _ in THE_STEPS}
# What receives is the runtime's tests' own.
_receiver = runpy.run_path(
    str(ROOT / "libs" / "fleetwright" / "tests" / "otlp_receiver.py")
)


@pytest.fixture
def receiver() -> Iterator[Any]:
    """Receive spans."""
    with _receiver["receiving"]() as found:
        yield found


@pytest.fixture
def trace() -> str:
    """Return a trace of our own: a broker may hold events of an earlier run's."""
    return secrets.token_hex(16)


@pytest.fixture(params=["embedded", "rabbit", "kafka"])
def servers(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the variables that name what the shop uses: a broker, and a database."""
    if request.param == "embedded":
        return {}
    postgres = request.getfixturevalue("postgres_url")
    broker = request.getfixturevalue(f"{request.param}_url")
    return {"POSTGRES_URL": postgres, "BROKER_URL": broker}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Return the shop, not running; its environments are made once."""
    return Shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def shop(
    home: Shop,
    receiver: Any,
    servers: dict[str, str],
    trace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shop]:
    """Give the shop, running, with nothing in it; its spans go to the receiver."""
    for name, url in servers.items():
        monkeypatch.setenv(name, url)
    shutil.rmtree(home.folder / ".fleet" / "data", ignore_errors=True)
    manifest = home.folder / "fleet.toml"
    asked = manifest.read_text(encoding="utf-8")
    # Databases on a server begin with the fleet's name.
    text = asked.replace('name = "shop"', f'name = "traced-{trace[:8]}"')
    told = f'OTEL_EXPORTER_OTLP_ENDPOINT = "{receiver.url}"'
    told += ', OTEL_METRICS_EXPORTER = "none", OTEL_LOGS_EXPORTER = "none"'
    told += ', OTEL_BSP_SCHEDULE_DELAY = "100"'
    for name in sorted(ON_THE_WAY - {"payments"}):
        text += f"\n[up.services.{name}]\nenvironment = {{ {told} }}\n"
    text = text.replace('BANK_DOWN_SHARE = "0"', f'BANK_DOWN_SHARE = "0", {told}')
    manifest.write_text(text, encoding="utf-8")
    home.fleet("up", "--detach", "--no-reload")
    yield home
    home.fleet("down")
    manifest.write_text(asked, encoding="utf-8")
    if "POSTGRES_URL" in servers:
        services = (one.name for one in (ROOT / "services").iterdir())
        names = [f"traced_{trace[:8]}_{name}" for name in services]
        drop(servers["POSTGRES_URL"], names)


def of_the_order(receiver: Any, trace: str) -> dict[str, tuple[str, Any]]:
    """Return service and span of everything that belongs to the order, by id."""
    return {
        span.span_id.hex(): (service, span)
        for service, span in receiver.spans_by_service
        if span.trace_id.hex() == trace
    }


def place(shop: Shop, trace: str) -> None:
    """Order two lanterns at the storefront, in a trace that began elsewhere."""
    with Client(base_url=shop.url("storefront"), timeout=60) as buyer:
        buyer.post("/basket/lines", data={"sku": "71053", "quantity": "2"})
        found = re.search(r'name="key" value="([^"]+)"', buyer.get("/basket").text)
        assert found is not None
        form = {"key": found[1], "sku": "71053", "quantity": "2"}
        form |= {"customer": "", "country": "France"}
        ends = time.monotonic() + PATIENCE_SECONDS
        while True:  # a machine that is busy answers 503; the key makes it one order
            headers = {"traceparent": f"00-{trace}-{PARENT}-01"}
            answer = buyer.post("/orders", data=form, headers=headers)
            if answer.status_code != 503 or time.monotonic() > ends:
                break
    assert answer.status_code == 303, answer.text


def test_an_order_is_one_trace_without_a_gap(
    shop: Shop, receiver: Any, trace: str
) -> None:
    """All that an order causes hangs together, from the form to the mail."""
    shop.sell("WHITE METAL LANTERN")

    place(shop, trace)

    def is_whole() -> bool:
        spans = of_the_order(receiver, trace)
        known = {*spans, PARENT}
        names = {(service, span.name) for service, span in spans.values()}
        return names >= THE_STEPS and all(
            span.parent_span_id.hex() in known for _, span in spans.values()
        )

    asyncio.run(receiver.until(is_whole, PATIENCE_SECONDS))
