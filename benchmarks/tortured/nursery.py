"""python -m tortured.nursery FOLDER BROKER: forks workers on command, tells of deaths.

Everything is imported once; a worker is born in milliseconds. Commands come on stdin,
`spawn ROLE GENERATION`, and births and deaths go to stdout: `born ROLE PID`,
`died ROLE PID STATUS`. Without its parent it ends, and with it the workers.
"""

import importlib
import os
import select
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from tortured.plan import role_of
from tortured.worker import Worker

_LOOK_SECONDS = 0.02


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def _bear(folder: Path, name: str, generation: int) -> int:
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to heed
    log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 2)
    os.dup2(log, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        Worker(folder, role_of(name), generation).live()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _bury(alive: dict[int, str]) -> None:
    with suppress(ChildProcessError):
        while (dead := os.waitpid(-1, os.WNOHANG))[0]:
            _say(f"died {alive.pop(dead[0])} {dead[0]} {dead[1]}")


def main() -> None:
    """Obey until the parent is gone."""
    folder, broker = Path(sys.argv[1]), sys.argv[2]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    importlib.import_module(f"fleetwright.events.brokers._{broker}")
    alive: dict[int, str] = {}
    left = b""
    _say("ready nursery 0")
    while True:
        readable, _, _ = select.select([0], [], [], _LOOK_SECONDS)
        if readable:
            piece = os.read(0, 65_536)
            if not piece:
                break
            *lines, left = (left + piece).split(b"\n")
            for line in lines:
                _, name, generation = line.decode().split()
                pid = _bear(folder, name, int(generation))
                alive[pid] = name
                _say(f"born {name} {pid}")
        _bury(alive)
    for pid in alive:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
