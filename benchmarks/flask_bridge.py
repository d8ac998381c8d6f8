"""What a Flask call costs: behind our bridge, behind a2wsgi, under gunicorn.

    venv/bin/python benchmarks/flask_bridge.py [--calls 3000] [--a2wsgi FOLDER]

Every stack answers the same small JSON from one process to one client that keeps 8
calls in flight; what is counted is the CPU time of the server, in rounds that
alternate between the stacks. FOLDER holds an a2wsgi that is not ours to install:
`pip install --target FOLDER --no-deps a2wsgi`.
"""

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from time import sleep

APP = '''
import asyncio, sys
import flask
from flask import Flask
from fleetwright import Service, Settings
from fleetwright.auth import public
from fleetwright.flask import mount

def small():
    app = Flask("small")

    @app.get("/things/<name>")
    @public
    def thing(name):
        return {"name": name, "left": 3}

    return app

bare = small()

def create_app():
    return mount(small(), Service("small", Settings.load()))

def bridged(app):
    """Stand behind our bridge alone: no story is told."""
    from fleetwright._threads import Threads
    from fleetwright._wsgi_bridge import WsgiBridge
    return WsgiBridge(app, Threads(8), max_body_bytes=1 << 20)

def a2wsgi_bridged(app):
    from a2wsgi import WSGIMiddleware
    return WSGIMiddleware(app, workers=8)

def uvicorn_of(app, port):
    import uvicorn
    uvicorn.run(app, port=port, log_config=None, access_log=False, http="httptools",
                loop="uvloop", lifespan="off")

if __name__ == "__main__":
    uvicorn_of({"bridge": bridged, "a2wsgi": a2wsgi_bridged}[sys.argv[1]](bare),
               int(sys.argv[2]))
'''
IN_FLIGHT = 8
TICKS = os.sysconf("SC_CLK_TCK")
REQUEST = b"GET /things/tea HTTP/1.1\r\nhost: small\r\n\r\n"


def command(stack: str, port: int) -> list[str]:
    """Return how a stack is started."""
    gunicorn = str(Path(sys.executable).parent / "gunicorn")
    threads = ["-w", "1", "--threads", str(IN_FLIGHT), "-b", f"127.0.0.1:{port}"]
    threads += ["--no-control-socket", "--log-level", "error"]
    return {
        "gunicorn": [gunicorn, *threads, "small:bare"],
        "our bridge": [sys.executable, "small.py", "bridge", str(port)],
        "a2wsgi": [sys.executable, "small.py", "a2wsgi", str(port)],
        "served by us": [sys.executable, "-m", "fleetwright.serve", "small:create_app"],
        "gunicorn, mounted": [gunicorn, *threads, "small:create_app()"],
    }[stack]


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its children so far."""
    total = 0.0
    pids = [pid]
    while pids:
        one = pids.pop()
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / TICKS
        for task in Path(f"/proc/{one}/task").iterdir():
            pids += map(int, (task / "children").read_text().split())
    return total


async def call(port: int, calls: int) -> None:
    """Make calls over one connection, one after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(calls):
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
        await reader.readexactly(int(length))
    writer.close()


async def load(port: int, calls: int) -> None:
    """Keep so many calls in flight."""
    each = calls // IN_FLIGHT
    await asyncio.gather(*(call(port, each) for _ in range(IN_FLIGHT)))


def started(
    stack: str, folder: Path, extra: str
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a stack and return its process and port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
    environment = os.environ | {
        "PORT": str(port),
        "LOG_FORMAT": "json",
        "MAX_IN_FLIGHT": str(2 * IN_FLIGHT),
        "PYTHONPATH": extra,
    }
    process = subprocess.Popen(
        command(stack, port), cwd=folder, env=environment, stdout=subprocess.DEVNULL
    )
    for _ in range(200):
        with closing(socket.socket()) as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return process, port
        sleep(0.1)
    raise SystemExit(f"{stack} does not listen")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=3000, help="a stack and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--a2wsgi", default="", metavar="FOLDER")
    typed = parser.parse_args()
    stacks = ["gunicorn", "our bridge", "served by us", "gunicorn, mounted"]
    stacks += ["a2wsgi"] if typed.a2wsgi else []
    took: dict[str, list[float]] = {stack: [] for stack in stacks}
    with ExitStack() as stack_of, tempfile.TemporaryDirectory() as name:
        (Path(name) / "small.py").write_text(APP)
        running = {}
        for stack in stacks:
            process, port = started(stack, Path(name), typed.a2wsgi)
            stack_of.callback(process.wait)
            stack_of.callback(process.terminate)
            running[stack] = process.pid, port
            asyncio.run(load(port, 400))
        for _ in range(typed.rounds):
            for stack, (pid, port) in running.items():
                before = cpu_seconds(pid)
                asyncio.run(load(port, typed.calls))
                took[stack].append((cpu_seconds(pid) - before) / typed.calls * 1e6)
    base = statistics.median(took["gunicorn"])
    for stack in stacks:
        middle = statistics.median(took[stack])
        print(f"{stack:18} {middle:6.0f} us/call  {middle / base:5.2f} of gunicorn")


if __name__ == "__main__":
    main()
