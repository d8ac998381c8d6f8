"""A hundred bodies of 10 MB: each is refused, and the memory stays where it was.

Half of them tell their length, half come in chunks of unknown number. In a cgroup of
256 MB where one can be made, else without.
"""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

from experiments.lab import Lab

MUTANTS = ("takes_long_bodies",)
BODIES = 100
AT_ONCE = 10
BODY_BYTES = 10_000_000
PIECE = b"x" * 65_536
GROWTH_BYTES = 30 * 1024 * 1024
LIMIT_BYTES = 256 * 1024 * 1024
CGROUPS = Path("/sys/fs/cgroup/memory")


async def run(lab: Lab) -> None:
    """Send them, ten at a time."""
    echo = await lab.serve("create_echo", MAX_IN_FLIGHT="16")
    group = _grouped(echo.pid)
    lab.note("in a cgroup of 256 MB", "yes" if group else "no: it cannot be made here")
    try:
        await _send(echo.url, BODY_BYTES // 100, chunked=False)
        before, most = echo.rss_bytes(), 0
        statuses: list[str] = []
        for start in range(0, BODIES, AT_ONCE):
            statuses += await asyncio.gather(
                *(
                    _send(echo.url, BODY_BYTES, chunked=bool(number % 2))
                    for number in range(start, start + AT_ONCE)
                )
            )
            most = max(most, echo.rss_bytes())
        alive = echo.process.returncode is None
    finally:
        if group is not None:
            _ungroup(group, echo.pid)
    for status in statuses:
        lab.history.note(status=status)
    counts = {status: statuses.count(status) for status in sorted(set(statuses))}
    lab.check("each is answered 413", counts, set(counts) == {"413"})
    grown = most - before
    lab.check("memory grows <= 30 MB", f"{grown / 2**20:.1f} MB", grown <= GROWTH_BYTES)
    lab.check("it is not killed", "lives" if alive else "killed", alive)


async def _send(url: str, size: int, *, chunked: bool) -> str:
    """Send a body as far as it is taken, and return the status of the answer."""
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
    except OSError as error:
        return type(error).__name__
    told = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    head = f"POST /v1/words HTTP/1.1\r\nHost: echo\r\n{told}\r\n"
    writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n")
    answer = asyncio.create_task(reader.readline())
    try:
        with suppress(OSError):
            sent = 0
            while sent < size and not answer.done():
                piece = PIECE[: size - sent]
                sent += len(piece)
                frame = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
                writer.write(frame)
                await writer.drain()
            if chunked and not answer.done():
                writer.write(b"0\r\n\r\n")
        async with asyncio.timeout(10):
            line = await answer
    except (OSError, TimeoutError) as error:
        return type(error).__name__
    finally:
        answer.cancel()
        writer.close()
    return line.split(b" ")[1].decode() if line.count(b" ") >= 2 else "no answer"


def _grouped(pid: int) -> Path | None:
    """Put a process into a group of 256 MB; None where that is not allowed."""
    group = CGROUPS / f"fleet-fault-{pid}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(LIMIT_BYTES))
        (group / "cgroup.procs").write_text(str(pid))
    except OSError:
        with suppress(OSError):
            group.rmdir()
        return None
    return group


def _ungroup(group: Path, pid: int) -> None:
    with suppress(OSError):
        (CGROUPS / "cgroup.procs").write_text(str(pid))
    with suppress(OSError):
        os.rmdir(group)
