"""fleet bench limit: what a request costs, and how many may be in flight."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.commands._bench import must_be_good
from fleetwright_cli.local._cost import Cost, cpu_of, measure

SERVER = """
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Work(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        until = time.thread_time() + float(self.path[1:]) / 1000
        while time.thread_time() < until:
            pass
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *words):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Work)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def working() -> Iterator[tuple[int, int]]:
    """Give port and process id of a server that burns as many ms as it is asked."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(
    ("cpu_seconds", "limit"), [(0.004, 7), (0.0005, 60), (0.1, 4), (0.0, 30_000)]
)
def test_limit_is_what_fits_into_30_ms(cpu_seconds: float, limit: int) -> None:
    """Cheap requests get many places, dear ones at least four."""
    assert Cost({200: 1}, cpu_seconds, 1.0).limit == limit


async def measured(port: int, pid: int, path: str) -> Cost:
    """Return what a page costs, by enough calls: CPU is counted in pieces of 10 ms."""
    seconds = 1.5
    cost = await measure(port, pid, path, seconds=seconds)
    while sum(cost.answers.values()) < 100 and seconds < 60:
        seconds *= 4
        cost = await measure(port, pid, path, seconds=seconds)
    return cost


async def test_cost_is_the_cpu_of_the_other_process(working: tuple[int, int]) -> None:
    """Ten times the work costs ten times as much, wherever the time goes."""
    port, pid = working
    little = await measured(port, pid, "/1")
    much = await measured(port, pid, "/10")

    assert set(little.answers) == set(much.answers) == {200}
    assert 0.001 <= little.cpu_seconds < 0.006
    assert 0.0095 <= much.cpu_seconds < 0.020
    assert much.limit == 4 or much.limit < little.limit


def test_process_that_is_gone_has_no_cost() -> None:
    """Its CPU cannot be read."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()

    with pytest.raises(OSError):
        cpu_of(gone.pid)


@pytest.mark.parametrize(
    ("status", "hint"),
    [(404, "a page it has"), (401, "a token"), (503, "raise MAX_IN_FLIGHT"), (500, "")],
)
def test_nothing_is_proposed_from_refusals(status: int, hint: str) -> None:
    """Answers that are no work cost nothing and say nothing."""
    with pytest.raises(FleetError) as caught:
        must_be_good(Cost({200: 5, status: 95}, 0.001, 100.0), "orders", "/nope")

    assert f"95 of 100 answers of orders to /nope have status {status}" in str(
        caught.value
    )
    assert hint in caught.value.hint


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `fleet bench` as a process in the working directory."""
    return subprocess.run(
        [sys.executable, "-m", "fleetwright_cli", "bench", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_running_service_is_measured(fleet: Path) -> None:
    """A proposal as text and as JSON; each mistake with its mend."""
    fleet_words = [sys.executable, "-m", "fleetwright_cli"]
    nothing = bench("limit", "orders")
    subprocess.run([*fleet_words, "up", "--detach"], check=True, capture_output=True)
    try:
        found = bench(
            "limit", "orders", "--path", "/livez", "--seconds", "0.5", "--json"
        )
        unknown = bench("limit", "order")
        wrong = bench("limit", "orders", "--path", "nope")
    finally:
        subprocess.run([*fleet_words, "down"], check=True, capture_output=True)

    assert (nothing.returncode, "hint: start it" in nothing.stderr) == (1, True)
    assert found.returncode == 0, found.stderr
    document = json.loads(found.stdout)
    assert document["service"] == "orders"
    assert document["requests"] > 10
    assert document["max_in_flight"] >= 4
    assert "hint: see `fleet ps`" in unknown.stderr
    assert (wrong.returncode, "begins with a slash" in wrong.stderr) == (2, True)
