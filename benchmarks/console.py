"""The console under load: spans through HTTP, pages with all it keeps, and its end.

    venv/bin/python benchmarks/console.py                  # 60 s, then pages and end
    venv/bin/python benchmarks/console.py --seconds 600    # what the design promises
    venv/bin/python benchmarks/console.py --rate 20000 --no-browser

A console of its own is started in a temporary fleet without services, on one core; the
sender and the browser have the others. Spans are sent as services send them: one
connection each, 500 spans a body. What was dropped is counted twice: by the console,
and by the numbers of the rows that are kept or were thrown away for newer ones. Then
500,000 spans are stored, and a browser says when it painted each page first. Last, the
console is told to stop while pages and streams are open. Exit 1 where a promise is not
kept.
"""

import argparse
import asyncio
import json
import os
import runpy
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from fleetwright_cli.console import _otlp
from fleetwright_cli.console._retention import Keep
from fleetwright_cli.console.kept import DATABASE
from fleetwright_cli.local._console import Console, console
from fleetwright_cli.local._cost import cpu_of
from fleetwright_cli.local._plan import Places

# Telemetry is made in one way only: the console's tests know how.
MADE = Path(__file__).parents[1] / "libs" / "fleetwright-cli" / "tests"
many_orders = runpy.run_path(str(MADE / "made_telemetry.py"))["many_orders"]
ORDERS = 45  # in a body: 499 spans
START_SECONDS = 60.0
PAGES = ("/", "/traces", "/logs", "/map", "/metrics", "/events", "/explorer", "/runs")
LOADS = 5
STREAMS = 10
MOST_MEGABYTES = 300.0
MOST_PAINT_MS = 300.0
MOST_STOP_SECONDS = 1.0
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> int:
    """Measure, print, and return 1 where a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=int, default=5_000, help="spans a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--stored", type=int, default=Keep().spans, help="for pages")
    parser.add_argument("--core", type=int, default=0, help="the console's own")
    parser.add_argument("--no-browser", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        broken = Measured(Path(folder), chosen).all()
    print("kept" if not broken else f"NOT KEPT: {', '.join(broken)}")
    return 1 if broken else 0


class Measured:
    """One console, from its start to its end."""

    def __init__(self, root: Path, chosen: argparse.Namespace) -> None:
        """Lay a fleet out.

        Args:
            root: An empty folder.
            chosen: The arguments.
        """
        (root / "fleet.toml").write_text("[fleet]\nname = 'bench'\n", "utf-8")
        self.places = Places(root)
        self.places.make()
        it = console(self.places, 19_400)
        assert it is not None
        it.write()
        self.it = it
        self.chosen = chosen
        self.broken: list[str] = []

    def all(self) -> list[str]:
        """Measure everything, and return the promises that are not kept."""
        words = [sys.executable, "-m", "fleetwright_cli.console", str(self.places.root)]
        cores = os.sched_getaffinity(0)
        with apart(cores, self.chosen.core):
            process = subprocess.Popen([*words, str(time.time())])
        os.sched_setaffinity(0, cores - {self.chosen.core} or cores)
        with ExitStack() as opened:
            opened.callback(process.kill)
            wait(self.it)
            self.load(process.pid)
            self.fill()
            self.times()
            if not self.chosen.no_browser:
                self.paint(opened)
            self.memory(process.pid)
            self.stop(process)
        return self.broken

    def held(self, promise: str, is_kept: bool) -> str:
        """Note whether a promise is kept, and return it in words."""
        if not is_kept:
            self.broken.append(promise)
        return f"{promise}: {'yes' if is_kept else 'NO'}"

    def load(self, pid: int) -> None:
        """Send spans at a rate; count what was dropped, and what it cost."""
        chosen = self.chosen
        cpu = cpu_of(pid)
        count = int(chosen.rate * chosen.seconds)
        done = asyncio.run(send(self.it, count, chosen.rate, chosen.senders))
        took = done["took"]
        found = settled(self.it, done["taken"])
        share = (cpu_of(pid) - cpu) / took
        rate = done["taken"] / took
        print(f"{rate:,.0f} spans/s for {took:.1f} s, wanted {chosen.rate:,}")
        slow = sorted(done["seconds"])
        print(
            f"a body is taken in {1000 * statistics.median(slow):.1f} ms, 99 of 100"
            f" in {1000 * slow[int(0.99 * len(slow))]:.1f}, the slowest in"
            f" {1000 * slow[-1]:.1f}; {share:.1%} of a core; load {os.getloadavg()[0]}"
        )
        print(self.held("as fast as wanted", rate > 0.98 * chosen.rate))
        refused = found["dropped"] + done["refused"]
        print(self.held("nothing dropped, says the console", refused == 0))
        first, last, kept = self.rows()
        print(f"{last} spans written, {first - 1} of them thrown away, {kept} kept")
        whole = last == done["taken"] and kept == last - first + 1
        print(self.held("nothing dropped, say the rows", whole))

    def rows(self) -> tuple[int, int, int]:
        """Return the first and the last number of a span, and how many are kept."""
        file = self.places.data / DATABASE
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as on:
            found = on.execute("select min(id), max(id), count(*) from span").fetchone()
        return tuple(found)

    def fill(self) -> None:
        """Have as many spans stored as pages are to be made of."""
        missing = self.chosen.stored - self.rows()[2]
        if missing > 0:
            before = status(self.it)["written"]
            done = asyncio.run(send(self.it, missing, None, self.chosen.senders))
            settled(self.it, before + done["taken"])

    def times(self) -> None:
        """Say how long the server takes for each page."""
        print(f"with {self.rows()[2]:,} spans stored, the server's part:")
        for page in PAGES:
            print(f"  {page:10} {1000 * page_seconds(self.it, page):7.1f} ms at best")

    def paint(self, opened: ExitStack) -> None:
        """Ask a browser when it painted each page first; its pages stay open."""
        from playwright.sync_api import sync_playwright

        found = next(filter(None, map(shutil.which, CHROMIUM)), "")
        path = os.environ.get("CHROMIUM") or found
        playwright = opened.enter_context(sync_playwright())
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        opened.callback(browser.close)
        page = browser.new_page(viewport={"width": 1600, "height": 1060})
        page.goto(self.it.login_url)
        print(f"first paint, {LOADS} loads of each: at best, median, worst in ms")
        for path in PAGES:
            took = []
            for _ in range(LOADS):
                page.goto(self.it.url + path)
                page.wait_for_function(FIRST_PAINT)
                took.append(float(page.evaluate(FIRST_PAINT)))
            middle = statistics.median(took)
            print(f"  {path:10} {min(took):7.1f} {middle:7.1f} {max(took):7.1f}")
            if middle >= MOST_PAINT_MS:
                self.broken.append(f"first paint of {path}")
        page.goto(self.it.url)

    def memory(self, pid: int) -> None:
        """Say how much memory the console has had at most."""
        text = Path(f"/proc/{pid}/status").read_text("utf-8")
        [line] = [it for it in text.splitlines() if it.startswith("VmHWM")]
        most = int(line.split()[1]) / 1000
        print(f"{most:.0f} MB of memory at most")
        print(self.held(f"under {MOST_MEGABYTES:.0f} MB", most < MOST_MEGABYTES))

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Tell the console to stop while streams are open."""
        with ExitStack() as opened:
            streams = [opened.enter_context(stream(self.it)) for _ in range(STREAMS)]
            began = time.monotonic()
            process.terminate()
            for one in streams:
                while one.recv(65536):
                    pass
            ended = time.monotonic() - began
            process.wait()
        took = time.monotonic() - began
        print(f"{STREAMS} streams ended in {ended:.2f} s, the process in {took:.2f} s")
        print(self.held("stops within 1 s", took < MOST_STOP_SECONDS))


FIRST_PAINT = """() => performance.getEntriesByName('first-contentful-paint')
 .map((it) => it.startTime)[0]"""


@contextmanager
def apart(cores: set[int], core: int) -> Iterator[None]:
    """Have what is started within run on one core."""
    os.sched_setaffinity(0, {core})
    yield
    os.sched_setaffinity(0, cores)


@contextmanager
def stream(it: Console) -> Iterator[socket.socket]:
    """Hold a stream of news open; the first of it has come."""
    head = f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1:{it.port}\r\n"
    head += f"Authorization: Bearer {it.token}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", it.port), 30) as connection:
        connection.sendall(head.encode())
        assert b" 200 " in connection.recv(65536)
        yield connection


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
) -> dict[str, Any]:
    """Send spans at a rate, or as fast as they are taken.

    Returns:
        `taken`, the spans that were; `refused`, the bodies that were not; `seconds`,
        what each body took; `took`, all of it.
    """
    made = [many_orders(ORDERS, seed=n, seconds=200) for n in range(20)]
    bodies = [(body, {span.trace_id for span in _otlp.spans(body)}) for body in made]
    spans = ORDERS * 11 + 2 * len(range(7, ORDERS, 20))
    total = -(-count // spans)
    gap = 0.0 if rate is None else spans / rate
    ahead = iter(range(total))
    began = time.monotonic()
    done: dict[str, Any] = {"taken": 0, "refused": 0, "seconds": []}

    async def one() -> None:
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
                sent = time.monotonic()
                writer.write(head.encode() + body)
                answer = await reader.readuntil(b"\r\n\r\n")
                done["seconds"].append(time.monotonic() - sent)
                if answer.split(b" ", 2)[1] == b"200":
                    done["taken"] += spans
                    break
                done["refused"] += 1
                if rate is not None:
                    break
                await asyncio.sleep(0.05)  # as fast as they are taken: once more
        writer.close()

    await asyncio.gather(*(one() for _ in range(senders)))
    return done | {"took": time.monotonic() - began}


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
    sys.exit(main())
