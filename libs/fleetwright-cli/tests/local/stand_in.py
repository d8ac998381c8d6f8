"""A service of the standard library only, run as a process of its own by the tests.

What it does wrong is told by its environment (`MODE`) and by files in its folder.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path


def say(event: str, **fields: object) -> None:
    """Write one line as services do."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    known = {"time": now.replace("+00:00", "Z"), "level": "info", "event": event}
    line = known | fields
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def answer(connection: socket.socket) -> None:
    """Answer one probe as the files say: `hang`, `unready`, `degraded`, else yes."""
    path = connection.recv(4096).split(b" ")[1].decode()
    if path == "/livez" and Path("hang").exists():
        return
    if path == "/readyz" and Path("unready").exists():
        body = json.dumps({"ready": False, "parts": {"broker": "gone"}}).encode()
        head = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n"
        connection.sendall(head + body)
        return
    body = b"{}"
    if path == "/info":
        body = json.dumps({"parts": levels()}).encode()
    if path == "/readyz" and Path("degraded").exists():
        body = json.dumps({"status": "degraded", "parts": {"broker": "gone"}}).encode()
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)


def levels() -> dict[str, object]:
    """Return what a service says of the level of its log, or nothing of it."""
    if Path("mute").exists():
        return {}
    file = Path(os.environ["FLEET_LOG_LEVELS"])
    known = json.loads(file.read_text("utf-8")) if file.exists() else {}
    level = known.get(Path.cwd().name, {"level": "INFO"})["level"]
    return {"LogLevelFile": {"level": level, "configured": "INFO"}}


def stopped(*_: object) -> None:
    """End as asked."""
    say("service.stopped")
    sys.exit(0)


def run() -> None:
    """Be a service."""
    mode = os.environ.get("MODE", "")
    signal.signal(signal.SIGTERM, signal.SIG_IGN if mode == "deaf" else stopped)
    if mode == "broken":
        raise ImportError("no module named 'vanished'")
    if mode == "misset":
        sys.stderr.write("SettingsError: PORT=x\n")
        sys.exit(2)
    if mode == "parent":
        child = subprocess.Popen(["sleep", "600"])
        say("child.started", child_pid=child.pid)
    server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
    descriptors = sorted(os.listdir("/proc/self/fd"), key=int)
    say("service.started", descriptors=descriptors, folder=str(Path.cwd()))
    while True:
        if mode == "mute":
            signal.pause()
        connection, _ = server.accept()
        with connection:
            answer(connection)


if __name__ == "__main__":
    run()
