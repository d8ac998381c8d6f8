"""One order is one trace, through every service and every event, without a gap."""

import asyncio
import re
import runpy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Client
from test_fleet_up import ROOT, Shop

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PATIENCE_SECONDS = 60.0
ON_THE_WAY = {
    *("storefront", "orders", "catalog", "stock", "payments", "notifications"),
}
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
def shop(tmp_path: Path, receiver: Any) -> Iterator[Shop]:
    """Give the shop, running; its spans go to the receiver."""
    running = Shop(tmp_path)
    manifest = tmp_path / "fleet.toml"
    text = manifest.read_text(encoding="utf-8")
    told = f'OTEL_EXPORTER_OTLP_ENDPOINT = "{receiver.url}"'
    told += ', OTEL_METRICS_EXPORTER = "none", OTEL_LOGS_EXPORTER = "none"'
    told += ', OTEL_BSP_SCHEDULE_DELAY = "100"'
    for name in sorted(ON_THE_WAY - {"payments"}):
        text += f"\n[up.services.{name}]\nenvironment = {{ {told} }}\n"
    text = text.replace('BANK_DOWN_SHARE = "0"', f'BANK_DOWN_SHARE = "0", {told}')
    manifest.write_text(text, encoding="utf-8")
    running.fleet("up", "--detach", "--no-reload")
    yield running
    running.fleet("down")


def of_the_order(receiver: Any) -> dict[str, tuple[str, Any]]:
    """Return service and span of everything that belongs to the order, by id."""
    return {
        span.span_id.hex(): (service, span)
        for service, span in receiver.spans_by_service
        if span.trace_id.hex() == TRACE
    }


def place(shop: Shop) -> None:
    """Order two lanterns at the storefront, in a trace that began elsewhere."""
    with Client(base_url=shop.url("storefront"), timeout=30) as buyer:
        buyer.post("/basket/lines", data={"sku": "71053", "quantity": "2"})
        found = re.search(r'name="key" value="([^"]+)"', buyer.get("/basket").text)
        assert found is not None
        form = {"key": found[1], "sku": "71053", "quantity": "2"}
        form |= {"customer": "", "country": "France"}
        ends = time.monotonic() + PATIENCE_SECONDS
        while True:  # a machine that is busy answers 503; the key makes it one order
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            answer = buyer.post("/orders", data=form, headers=headers)
            if answer.status_code != 503 or time.monotonic() > ends:
                break
    assert answer.status_code == 303, answer.text


def test_an_order_is_one_trace_without_a_gap(shop: Shop, receiver: Any) -> None:
    """All that an order causes hangs together, from the form to the mail."""
    shop.sell("WHITE METAL LANTERN")

    place(shop)

    def is_whole() -> bool:
        spans = of_the_order(receiver)
        services = {service for service, _ in spans.values()}
        known = {*spans, PARENT}
        return services >= ON_THE_WAY and all(
            span.parent_span_id.hex() in known for _, span in spans.values()
        )

    asyncio.run(receiver.until(is_whole, PATIENCE_SECONDS))
    names = {(service, span.name) for service, span in of_the_order(receiver).values()}
    assert ("storefront", "POST /orders") in names
    assert ("notifications", "process payments.captured") in names
