"""With `TELEMETRY=sdk` the spans of calls are made by OpenTelemetry's own SDK."""

import json
import os
import subprocess
import sys
from pathlib import Path

from otlp_receiver import attributes, receiving

SCRIPT = Path(__file__).with_name("traced_by_sdk.py")


def test_calls_take_over_the_ids_of_the_sdk() -> None:
    """Spans, headers and the user's own spans agree on trace and parents."""
    with receiving() as receiver:
        done = subprocess.run(
            [sys.executable, SCRIPT],
            env=os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        spans = receiver.spans

    within, new = json.loads(done.stdout.splitlines()[-1])
    quotes = [span for span in spans if span.name == "GET /v1/quotes/{sku}"]
    prices = [span for span in spans if span.name == "price"]
    assert quotes[0].trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert quotes[0].parent_span_id.hex() == "00f067aa0ba902b7"
    assert quotes[1].parent_span_id == b""
    for headers, quote, price in zip((within, new), quotes, prices, strict=True):
        ids = f"{quote.trace_id.hex()}-{quote.span_id.hex()}"
        assert headers["traceparent"].startswith(f"00-{ids}-")
        assert price.parent_span_id == quote.span_id
        assert attributes(quote)["http.response.status_code"] == 200
