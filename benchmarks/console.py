"""The console under load: spans a second through HTTP, and its pages with all it keeps.

    venv/bin/python benchmarks/console.py                    # 5,000 spans/s for 20 s
    venv/bin/python benchmarks/console.py --rate 20000 --stored 500000

A console of its own is started in a temporary fleet without services. Spans are sent
as services send them: one connection each, 500 spans a body. Told are what was dropped,
what share of a core the console took, and how long a first page takes with so many
spans stored.
"""

import argparse
import asyncio
import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from fleetwright_cli.console import _otlp
from fleetwright_cli.local._console import Console, console
from fleetwright_cli.local._cost import cpu_of
from fleetwright_cli.local._plan import Places

# Telemetry is made in one way only: the console's tests know how.
MADE = Path(__file__).parents[1] / "libs" / "fleetwright-cli" / "tests"
many_orders = runpy.run_path(str(MADE / "made_telemetry.py"))["many_orders"]
ORDERS = 45  # in a body: 499 spans
START_SECONDS = 60.0
PAGES = ("/", "/traces", "/logs", "/map", "/metrics")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=5_000, help="spans a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--stored", type=int, default=0, help="spans kept before")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), chosen)


def measure(root: Path, chosen: argparse.Namespace) -> None:
    """Start a console, load it, and print what came of it.

    Args:
        root: An empty folder.
        chosen: The arguments.
    """
    (root / "fleet.toml").write_text("[fleet]\nname = 'bench'\n", "utf-8")
    places = Places(root)
    places.make()
    it = console(places, 19_400)
    assert it is not None
    it.write()
    words = [sys.executable, "-m", "fleetwright_cli.console", str(root)]
    process = subprocess.Popen([*words, str(time.time())])
    try:
        wait(it)
        if chosen.stored:
            sent, _ = asyncio.run(send(it, chosen.stored, None, chosen.senders))
            print(f"stored before: {settled(it, sent)['written']} spans")
        before, cpu = status(it), cpu_of(process.pid)
        began = time.monotonic()
        count = int(chosen.rate * chosen.seconds)
        sent, refused = asyncio.run(send(it, count, chosen.rate, chosen.senders))
        took = time.monotonic() - began
        after = settled(it, before["written"] + sent)
        share = (cpu_of(process.pid) - cpu) / took
        dropped = after["dropped"] - before["dropped"]
        print(f"{sent / took:,.0f} spans/s for {took:.1f} s, wanted {chosen.rate:,}")
        print(f"dropped {dropped}, refused bodies {refused}, {share:.1%} of a core")
        for page in PAGES:
            print(f"{page:10} {1000 * page_seconds(it, page):8.1f} ms, best of five")
    finally:
        process.terminate()
        process.wait()


def ask(it: Console, path: str) -> bytes:
    """Return an answer of the console to its owner."""
    headers = {"Authorization": f"Bearer {it.token}"}
    request = urllib.request.Request(it.url + path, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        found: bytes = answer.read()
        return found


def status(it: Console) -> dict[str, Any]:
    """Return what the console counts."""
    found: dict[str, Any] = json.loads(ask(it, "/api/status"))
    return found


def wait(it: Console) -> None:
    """Wait until the console answers."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            ask(it, "/api/status")
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def settled(it: Console, rows: int) -> dict[str, Any]:
    """Return the counts once everything that was taken is written."""
    while True:
        found = status(it)
        if found["written"] >= rows:
            return found
        time.sleep(0.05)


async def send(
    it: Console, count: int, rate: int | None, senders: int
) -> tuple[int, int]:
    """Send spans at a rate, or as fast as they are taken.

    Returns:
        Spans that were taken, and bodies that were refused.
    """
    made = [many_orders(ORDERS, seed=n, seconds=200) for n in range(20)]
    bodies = [(body, {span.trace_id for span in _otlp.spans(body)}) for body in made]
    spans = ORDERS * 11 + 2 * len(range(7, ORDERS, 20))
    total = max(1, count // spans)
    gap = 0.0 if rate is None else spans / rate
    ahead = iter(range(total))
    began = time.monotonic()
    taken = refused = 0

    async def one() -> None:
        nonlocal taken, refused
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        for number in ahead:
            await asyncio.sleep(max(0.0, began + number * gap - time.monotonic()))
            body = renamed(*bodies[number % len(bodies)])
            head = (
                f"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1:{it.port}\r\n"
                f"x-otlp-api-key: {it.otlp_key}\r\nContent-Length: {len(body)}\r\n"
                "Content-Type: application/x-protobuf\r\n\r\n"
            )
            while True:
                writer.write(head.encode() + body)
                answer = await reader.readuntil(b"\r\n\r\n")
                if answer.split(b" ", 2)[1] == b"200":
                    taken += spans
                    break
                refused += 1
                if rate is not None:
                    break
                await asyncio.sleep(0.05)  # as fast as they are taken: once more
        writer.close()

    await asyncio.gather(*(one() for _ in range(senders)))
    return taken, refused


def renamed(body: bytes, traces: set[bytes]) -> bytes:
    """Return the same spans in traces of their own."""
    for trace in traces:
        body = body.replace(trace, os.urandom(16))
    return body


def page_seconds(it: Console, path: str) -> float:
    """Return how long a page takes, the best of five."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        ask(it, path)
        took.append(time.perf_counter() - began)
    return min(took)


if __name__ == "__main__":
    main()
