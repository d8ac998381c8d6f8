#!/usr/bin/env python3
"""What telemetry costs: our spans beside OpenTelemetry's SDK, and all of it a request.

    scripts/bench-env
    venv-bench/bin/python benchmarks/telemetry.py [--rounds 7] [--spans 4000]

CPU time of the whole process, all threads, in microseconds: the median of rounds in
which both take turns, each in a process of its own that sends to a receiver in another
one. A span is made through OpenTelemetry's API as the current one, with six attributes,
ended, written as OTLP protobuf and sent; the SDK has its batch processor and its
exporter over HTTP. A request goes through a bare FastAPI application, and through one
on our runtime: without a line of log, with its line on standard output, and with
telemetry beside that line, which is log records and metrics over OTLP and a tenth of
the traces. What telemetry costs is what it adds to the line, which is written with or
without it; deadlines, admission and all else of the runtime are in both, and told
apart. The ratio with the line is printed as well. Exits with 1 when a span costs more
than 1/8 of the SDK's, or telemetry more than a quarter of a bare request.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MOST_OF_THE_SDK = 1 / 8
MOST_OF_A_REQUEST = 0.25
REQUESTS = ("bare", "mute", "silent", "told")  # each does what the one before does
RECEIVER = """
import http.server
class Taking(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taking)
print(server.server_port, flush=True)
server.serve_forever()
"""
ATTRIBUTES: dict[str, str | int] = {
    "http.request.method": "GET",
    "http.route": "/v1/quotes/{sku}",
    "http.response.status_code": 200,
    "server.address": "127.0.0.1",
    "url.scheme": "http",
}


@contextmanager
def receiving() -> Iterator[str]:
    """Yield the endpoint of a receiver that takes everything."""
    command = [sys.executable, "-c", RECEIVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as receiver:
        assert receiver.stdout is not None
        try:
            yield f"http://127.0.0.1:{receiver.stdout.readline().strip()}"
        finally:
            receiver.kill()


def spans_of(maker: str, spans: int) -> float:
    """Return what a span costs in this process, in microseconds."""
    from opentelemetry import trace

    from fleetwright import Settings, _telemetry
    from fleetwright._telemetry import _setup

    whose = "own" if maker == "own" else "sdk"
    settings = Settings(environment="test", auth="off", telemetry=whose)
    _telemetry.set_up("shop", settings)
    tracer = trace.get_tracer("bench")
    telemetry = _setup.telemetry()
    assert telemetry is not None
    provider: Any = trace.get_tracer_provider()
    began = 0.0
    for _ in range(2):  # the first one warms up
        began = time.process_time()
        for number in range(spans):
            with tracer.start_as_current_span("quote", attributes=ATTRIBUTES) as span:
                span.set_attribute("sku", f"{number:05}")
            if number % 256 == 255:  # neither of them may drop any
                flush(telemetry, provider)
        flush(telemetry, provider)
    took = time.process_time() - began
    assert telemetry.spans is None or telemetry.spans.dropped == 0
    return took / spans * 1e6


def flush(telemetry: Any, provider: Any) -> None:
    """Have everything sent that waits."""
    if telemetry.spans is not None:
        telemetry.spans.flush()
    else:
        provider.force_flush()


def application(kind: str) -> Any:
    """Return an application with one route."""
    from fastapi import FastAPI

    from fleetwright import Service, Settings, _logs, _telemetry
    from fleetwright._log_writer import LineWriter
    from fleetwright.fastapi import mount

    app = FastAPI()

    @app.get("/v1/quotes/{sku}")
    async def quote(sku: str) -> dict[str, int]:
        return {"pence": 250}

    if kind == "bare":
        return app
    settings = Settings(environment="test", auth="off", log_format="json")
    _logs.set_up("shop", settings, writer=LineWriter(os.open(os.devnull, os.O_WRONLY)))
    if kind == "mute":
        _logs.use_level("WARNING")
    if kind == "told":
        _telemetry.set_up("shop", settings)
    return mount(app, Service("shop", settings))


async def requests_of(kind: str, requests: int) -> float:
    """Return what a request costs in this process, in microseconds."""
    app = application(kind)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/v1/quotes/tea",
        "raw_path": b"/v1/quotes/tea",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop"), (b"accept", b"*/*")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    statuses = set()

    async def send(message: Any) -> None:
        statuses.add(message.get("status", 200))

    async with app.router.lifespan_context(app):
        for _ in range(2):  # the first one warms up
            began = time.process_time()
            for number in range(requests):
                await app(dict(scope), receive, send)
                if number % 1024 == 1023:
                    await asyncio.sleep(0.1)  # their threads have their turn
            took = time.process_time() - began
    assert statuses == {200}
    from fleetwright import _telemetry

    began = time.process_time()
    _telemetry.tear_down()  # what still waited is paid for as well
    return (took + time.process_time() - began) / requests * 1e6


def measured(words: tuple[str, ...], count: int, endpoint: str) -> float:
    """Return what one process found out."""
    told = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_BSP_MAX_QUEUE_SIZE": "8192",
        "OTEL_BLRP_MAX_QUEUE_SIZE": "8192",
    }
    if words[0] == "requests":
        told |= {
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0.1",
        }
    done = subprocess.run(
        [sys.executable, __file__, "--measure", *words, str(count)],
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    """Measure, print, and say whether it is within its limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--spans", type=int, default=4_000)
    parser.add_argument("--requests", type=int, default=8_000)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    typed = parser.parse_args()
    if typed.measure:
        what, kind, count = typed.measure
        if what == "spans":
            found = spans_of(kind, int(count))
        else:
            found = asyncio.run(requests_of(kind, int(count)))
        print(json.dumps(found))
        return 0
    contenders = {
        **{("spans", kind): typed.spans for kind in ("own", "sdk")},
        **{("requests", kind): typed.requests for kind in REQUESTS},
    }
    taken: dict[tuple[str, ...], list[float]] = {one: [] for one in contenders}
    with receiving() as endpoint:
        for _ in range(typed.rounds):
            for one, count in contenders.items():
                taken[one].append(measured(one, count, endpoint))
    costs = {one: statistics.median(found) for one, found in taken.items()}
    ours, theirs = costs["spans", "own"], costs["spans", "sdk"]
    bare, silent = costs["requests", "bare"], costs["requests", "silent"]
    line = silent - costs["requests", "mute"]
    extra = costs["requests", "told"] - silent
    print(f"a span: own {ours:.1f} us, sdk {theirs:.1f} us, ratio {ours / theirs:.3f}")
    print(
        f"a request: bare {bare:.1f} us, on the runtime {silent:.1f} us, telemetry"
        f" {extra:.1f} us more, ratio {extra / bare:.3f}; its line on standard output"
        f" is {line:.1f} us, ratio with it {(extra + line) / bare:.3f}"
    )
    holds = ours <= MOST_OF_THE_SDK * theirs and extra <= MOST_OF_A_REQUEST * bare
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
