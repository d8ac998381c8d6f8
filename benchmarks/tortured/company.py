"""The processes, seen from the parent: born, killed, stopped, born again."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

from tortured.board import Board
from tortured.plan import ROLES, role_of

_LONGEST_ABSENCE_SECONDS = 0.3
_BENCHMARKS = str(Path(__file__).parent.parent)
Told = Callable[[str, int, int], None]


class Company:
    """One process for each role, as long as it is to play.

    Attributes:
        alive: The process of each role that has one.
    """

    def __init__(self, folder: Path, board: Board, random: Random, told: Told) -> None:
        """Describe it.

        Args:
            folder: Of the torture.
            board: What the processes share.
            random: How long a role stays away after a death.
            told: Called with each death: the role, the process, its status as of
                `waitpid`.
        """
        self.alive: dict[str, int] = {}
        self._folder, self._board, self._random = folder, board, random
        self._told = told
        self._generation = {role.name: 0 for role in ROLES}
        self._nursery: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._births: set[asyncio.Task[None]] = set()
        self._plays = True

    async def start(self, broker: str, environment: dict[str, str]) -> None:
        """Start every role.

        Args:
            broker: Which kind is used.
            environment: Added to that of the processes.
        """
        self._nursery = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tortured.nursery", str(self._folder), broker),
            stdin=PIPE,
            stdout=PIPE,
            stderr=(self._folder / "nursery.log").open("wb"),
            env={**os.environ, "PYTHONPATH": _BENCHMARKS, **environment},
            start_new_session=True,
        )
        assert self._nursery.stdout is not None
        if not await self._nursery.stdout.readline():
            said = (self._folder / "nursery.log").read_text()
            raise RuntimeError(f"the nursery does not start:\n{said}")
        self._reading = asyncio.create_task(self._read(self._nursery.stdout))
        for role in ROLES:
            self._spawn(role.name)

    async def _read(self, out: asyncio.StreamReader) -> None:
        while line := await out.readline():
            what, name, pid, *status = line.decode().split()
            if what == "born":
                self.alive[name] = int(pid)
            else:
                self.alive.pop(name, None)
                self._board[f"{name}/armed_point"] = 0
                self._told(name, int(pid), int(status[0]))
                if self._plays:
                    birth = asyncio.create_task(self._born_again(name))
                    self._births.add(birth)
                    birth.add_done_callback(self._births.discard)

    async def _born_again(self, name: str) -> None:
        await asyncio.sleep(self._random.uniform(0, _LONGEST_ABSENCE_SECONDS))
        self._spawn(name)

    def _spawn(self, name: str) -> None:
        assert self._nursery is not None and self._nursery.stdin is not None
        generation = self._generation[name]
        self._generation[name] = generation + 1
        self._nursery.stdin.write(f"spawn {name} {generation}\n".encode())

    def signal(self, name: str, which: signal.Signals) -> int | None:
        """Send a signal to the process of a role; return its number, if there is one.

        Args:
            name: The role.
            which: KILL, STOP or CONT.
        """
        pid = self.alive.get(name)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, which)
        return pid

    def of(self, kind: str) -> list[str]:
        """Return the roles of a kind that have a process."""
        return [name for name in self.alive if role_of(name).kind == kind]

    async def all_here(self, seconds: float) -> bool:
        """Wait until every role has a process.

        Args:
            seconds: At most so long.
        """
        return await until(lambda: len(self.alive) == len(ROLES), seconds)

    async def part(self, seconds: float) -> list[str]:
        """Let everybody finish; return who does not.

        Args:
            seconds: How long they may take.
        """
        self._plays = False
        self._board["stop"] = 1
        await until(lambda: not self.alive and not self._births, seconds)
        return sorted(self.alive)

    async def close(self) -> None:
        """End everything that still runs."""
        self._plays = False
        if self._nursery is None:
            return
        for name in list(self.alive):
            self.signal(name, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.killpg(self._nursery.pid, signal.SIGKILL)
        await self._nursery.wait()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)


async def until(is_true: Callable[[], bool], seconds: float) -> bool:
    """Wait for other processes, for a limited time; return whether it came.

    Args:
        is_true: What is waited for.
        seconds: How long.
    """
    ends = asyncio.get_running_loop().time() + seconds
    while not is_true():
        if asyncio.get_running_loop().time() > ends:
            return False
        await asyncio.sleep(0.05)
    return True
