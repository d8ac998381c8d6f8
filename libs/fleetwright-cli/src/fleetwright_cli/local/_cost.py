"""What one request costs a running process, in CPU; driven by a bounded closed loop."""

import asyncio
import os
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CALLERS = 4  # enough to keep it busy, few enough for any limit
_IDLE_SECONDS = 1.0
_WARM_SECONDS = 0.5
BUSY_SECONDS = 0.030  # of CPU that may be in flight: what waits behind it is short
LEAST_LIMIT = 4


@dataclass(frozen=True, slots=True)
class Cost:
    """What was measured.

    Attributes:
        answers: How many of each status.
        cpu_seconds: CPU of one request, what the process does when idle taken off.
        requests_per_second: How many were answered.
    """

    answers: dict[int, int]
    cpu_seconds: float
    requests_per_second: float

    @property
    def limit(self) -> int:
        """How many calls may be in flight: 30 ms of CPU, at least 4."""
        return max(LEAST_LIMIT, int(BUSY_SECONDS / max(self.cpu_seconds, 1e-6)))


async def measure(
    port: int, pid: int, path: str, *, seconds: float, headers: Sequence[str] = ()
) -> Cost:
    """Ask a process for one page over and over, and see what CPU it takes.

    Args:
        port: Where it listens on 127.0.0.1.
        pid: Its process id.
        path: What to GET.
        seconds: For how long.
        headers: Further header lines.

    Returns:
        What it costs.

    Raises:
        OSError: It does not listen, or is gone.
    """
    lines = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers, "", "")
    request = "\r\n".join(lines).encode("latin-1")
    idle_from = cpu_of(pid)
    await asyncio.sleep(_IDLE_SECONDS)
    idle = (cpu_of(pid) - idle_from) / _IDLE_SECONDS
    await _drive(port, request, _WARM_SECONDS)
    began, cpu_from = time.monotonic(), cpu_of(pid)
    answers = await _drive(port, request, seconds)
    took = time.monotonic() - began
    cpu = cpu_of(pid) - cpu_from - idle * took
    count = max(1, answers.total())
    return Cost(dict(answers), max(0.0, cpu) / count, count / took)


async def _drive(port: int, request: bytes, seconds: float) -> Counter[int]:
    answers: Counter[int] = Counter()
    until = time.monotonic() + seconds
    await asyncio.gather(
        *(_call_on(port, request, until, answers) for _ in range(CALLERS))
    )
    return answers


async def _call_on(
    port: int, request: bytes, until: float, answers: Counter[int]
) -> None:
    while time.monotonic() < until:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            keep = True
            while keep:  # at least once: a connection is not opened for nothing
                writer.write(request)
                status, keep = await _answer(reader)
                answers[status] += 1
                keep = keep and time.monotonic() < until
        finally:
            writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Read one answer; returns its status and whether the connection goes on."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *lines = head.split("\r\n")
    headers = {
        name.lower(): value.strip()
        for name, _, value in (x.partition(":") for x in lines)
    }
    if "content-length" in headers:
        await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
        await reader.readuntil(b"\r\n")
    elif headers.get("connection", "") == "close":
        await reader.read()
    return int(start.split(" ")[1]), headers.get("connection", "") != "close"


def cpu_of(pid: int) -> float:
    """Return the CPU a process has used so far, in seconds.

    Args:
        pid: Its process id.

    Raises:
        OSError: There is no such process.
    """
    if Path("/proc/self/stat").exists():
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    told = subprocess.run(  # noqa: S603 - our own arguments
        ["/bin/ps", "-o", "time=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    if not told:
        raise ProcessLookupError(f"no process {pid}")
    seconds = 0.0
    for part in told.replace("-", ":").split(":"):
        seconds = seconds * 60 + float(part)
    return seconds
