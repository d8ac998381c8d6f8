"""Processes that outlive the command that started them, found again by a file."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

_PROC = Path("/proc")
_LOOK_SECONDS = 0.02
# Kept, because a Ctrl-C that comes while one is thrown away is thrown away with it.
_started: list[subprocess.Popen[bytes]] = []


def start(
    command: Sequence[str],
    *,
    log: Path,
    note: Path,
    environment: Mapping[str, str],
    user: int | None = None,
    group: int | None = None,
) -> None:
    """Start a process in a session of its own, and note which it is.

    Args:
        command: What is run.
        log: What it writes goes to the end of this file.
        note: Where it is noted, for `running`.
        environment: All of its variables.
        user: Who runs it; ourselves when None.
        group: The group of that user.
    """
    with log.open("ab") as written:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            cwd="/",
            env=dict(environment),
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )
    _started.append(process)
    remember(process.pid, note)


def remember(pid: int, note: Path) -> None:
    """Note which process it is, for `running`.

    Args:
        pid: Its number; with the time it was started it is unique.
        note: The file.
    """
    note.write_text(json.dumps([pid, _born(pid)]))


def running(note: Path) -> list[int]:
    """Return the process that was noted and all below it; empty when it has gone.

    Args:
        note: The file `start` wrote.
    """
    try:
        pid, born = json.loads(note.read_text())
    except (OSError, ValueError):
        return []
    if born is None or _born(pid) != born:  # it has ended, or the number is another's
        return []
    below: dict[int, list[int]] = {}
    for folder in _PROC.glob("[0-9]*"):
        status = _status(int(folder.name))
        if status is not None:
            below.setdefault(int(status[1]), []).append(int(folder.name))
    found = [pid]
    for one in found:  # grows while it is walked
        found += below.get(one, [])
    return found


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to processes; those that have gone are passed over."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def kill(note: Path) -> None:
    """End a noted process and all below it at once, and wait until they have gone.

    Args:
        note: The file `start` wrote.
    """
    send(running(note)[:1], signal.SIGSTOP)  # it makes no further children now
    pids = running(note)
    send(pids, signal.SIGKILL)
    wait_gone(pids, seconds=30)


def wait_gone(pids: Iterable[int], *, seconds: float) -> bool:
    """Wait until processes have ended.

    Args:
        pids: Those to wait for.
        seconds: How long at most.

    Returns:
        Whether all have.
    """
    until = time.monotonic() + seconds
    for pid in pids:
        while _status(pid) is not None:
            if time.monotonic() > until:
                return False
            _reap(pid)
            time.sleep(_LOOK_SECONDS)
    return True


def _reap(pid: int) -> None:
    """Take the end of a child of ours: until then it is not gone."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _born(pid: int) -> str | None:
    """Return when a process was started, in ticks; with its number it is unique."""
    status = _status(pid)
    return None if status is None else status[19]


def _status(pid: int) -> list[str] | None:
    """Return /proc/PID/stat from its state on; None when it has ended.

    A process whose first thread has ended has its sockets until the last one has.
    """
    folder = _PROC / str(pid)
    try:
        text = (folder / "stat").read_text()
        fields = text.rpartition(")")[2].split()
        has_ended = fields[0] in "ZX" and len(list((folder / "task").iterdir())) < 2
    except OSError:
        return None
    return None if has_ended else fields
