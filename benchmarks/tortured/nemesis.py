"""Nemesis: who dies when and how, drawn from a seed, dealt out as the work goes on."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any

from tortured.board import Board
from tortured.company import Company, until
from tortured.network import Wire
from tortured.plan import LEASE_SECONDS, Wishes, role_of
from tortured.servers import Server

_LOOK_SECONDS = 0.05
_PATIENCE_SECONDS = 3.0  # how long a process may take to come to its crash point
_SERVER_SHARE = 0.3  # of the deaths that could be one of a server
_CRASHED = 137
_MISSES = 6  # at a place count as a death there: it may be one nobody passes any more
_KINDS = ("producer", "relay", "relay", "consumer", "consumer", "consumer")
_FARTHEST_JUMP_SECONDS = 3600.0
_BETWEEN_SHARE = 0.75  # of the pauses of consumers


class Nemesis:
    """Deals out deaths and troubles, and counts them by kind and place.

    Attributes:
        deaths: How many there were, by kind and place.
        troubles: The same of what nobody dies of.
        broken: Processes that ended by themselves, and how.
    """

    def __init__(
        self,
        wishes: Wishes,
        board: Board,
        points: Sequence[str],
        wires: dict[str, Wire],
        servers: dict[str, Server],
    ) -> None:
        """Describe what it has power over.

        Args:
            wishes: How much of what.
            board: Where clocks jump and crash points are armed.
            points: All crash points.
            wires: The networks, by the name of the server behind.
            servers: The servers, by name.
        """
        self.deaths: Counter[str] = Counter()
        self.troubles: Counter[str] = Counter()
        self.broken: list[str] = []
        self.company: Company | None = None
        self._wishes, self._board, self._points = wishes, board, points
        self._wires, self._servers = wires, servers
        self._random = Random(f"{wishes.seed}-nemesis")
        self._doomed: set[int] = set()  # processes this one has killed
        self._armed: dict[str, tuple[str, float]] = {}
        self._last_armed: dict[str, str] = {}
        self._missed: Counter[str] = Counter()  # armed, and nobody came by
        self._tries: Counter[tuple[str, str]] = Counter()
        self._going: set[asyncio.Task[None]] = set()
        self._busy: set[str] = set()  # roles and servers with a trouble already
        self._begun = 0

    def told(self, name: str, pid: int, status: int) -> None:
        """Count the death of a process.

        Args:
            name: Its role.
            pid: Its number.
            status: How it ended.
        """
        self._armed.pop(name, None)
        kind, point = role_of(name).kind, self._last_armed.get(name)
        was_killed = pid in self._doomed
        self._doomed.discard(pid)
        if os.WIFSIGNALED(status) and was_killed:
            self.deaths[f"kill -9 {kind}"] += 1
        elif os.WIFEXITED(status) and os.WEXITSTATUS(status) == _CRASHED and point:
            # Disarmed or not: a busy process may not have heard of it in time.
            self.deaths[f"point {point}"] += 1
        elif status:
            self.broken.append(f"{name} ended with status {status}")

    async def rage(self, progress: Callable[[], float]) -> None:
        """Deal out everything as the work goes on; returns when all was dealt out.

        Args:
            progress: How far the work is, 0 to 1.
        """
        wishes = self._wishes
        troubles, next_at = wishes.troubles, 0.0
        while self.deaths.total() < wishes.kills or self._begun < troubles:
            share = min(1.0, progress() / 0.95)
            self._disarm_late()
            dealt = self.deaths.total() + len(self._armed) + len(self._doomed)
            now = asyncio.get_running_loop().time()
            if now >= next_at and dealt < min(
                wishes.kills, int(wishes.kills * share) + 1
            ):
                next_at = now + wishes.death_seconds
                # At the end nobody passes by crash points any more.
                self._deal_death() if share < 1 else self._kill()
            if self._begun < min(troubles, int(troubles * share) + 1):
                self._deal_trouble()
            await asyncio.sleep(_LOOK_SECONDS)

    async def rest(self) -> None:
        """Mend everything and hurt nobody any more."""
        for task in self._going:
            task.cancel()
        await asyncio.gather(*self._going, return_exceptions=True)
        for wire in self._wires.values():
            wire.heal()
        for name in list(self._armed):
            self._board[f"{name}/armed_point"] = 0
        for server in self._servers.values():
            await server.start()

    def _deal_death(self) -> None:
        kinds = [
            kind for kind in self._wishes.deaths if kind != "server" or self._servers
        ]
        # A server takes seconds to come back: one of a few deaths is enough.
        kind = self._random.choice(kinds)
        if kind == "server" and self._random.random() > _SERVER_SHARE:
            kind = "kill"
        if kind == "server":
            self._kill_server()
        elif kind == "point":
            self._arm()
        else:
            self._kill()

    def _kill(self) -> None:
        assert self.company is not None
        free = self._free(self._random.choice(_KINDS))
        if free:
            pid = self.company.signal(self._random.choice(free), signal.SIGKILL)
            if pid is not None:
                self._doomed.add(pid)

    def _arm(self) -> None:
        """Have somebody die at the place where fewest have died so far."""
        fewest = min(self._seen(point) for point in self._points)
        rare = [point for point in self._points if self._seen(point) == fewest]
        point = self._random.choice(rare)
        free = self._free(point.split(".")[0])
        if not free:
            self._kill()
            return
        # Not the one again that did not come by: a relay without lanes passes nothing.
        fewest = min(self._tries[point, name] for name in free)
        name = self._random.choice(
            [name for name in free if self._tries[point, name] == fewest]
        )
        self._tries[point, name] += 1
        self._last_armed[name] = point
        self._armed[name] = (point, asyncio.get_running_loop().time())
        # A relay that carries much at a time comes by only now and then.
        most = 1 if self._missed[point] else 4
        self._board[f"{name}/armed_after"] = self._random.randint(1, most)
        self._board[f"{name}/armed_point"] = self._points.index(point) + 1

    def _seen(self, point: str) -> int:
        armed = sum(point == one for one, _ in self._armed.values())
        return self.deaths[f"point {point}"] + armed + self._missed[point] // _MISSES

    def _disarm_late(self) -> None:
        """Give up on crash points that nobody comes to."""
        now = asyncio.get_running_loop().time()
        for name, (point, since) in list(self._armed.items()):
            if now - since > _PATIENCE_SECONDS:
                self._board[f"{name}/armed_point"] = 0
                del self._armed[name]
                self._missed[point] += 1

    def _free(self, kind: str) -> list[str]:
        """Return the living roles of a kind that nothing is done to."""
        assert self.company is not None
        taken = self._busy | set(self._armed)
        doomed = {
            name for name, pid in self.company.alive.items() if pid in self._doomed
        }
        return [name for name in self.company.of(kind) if name not in taken | doomed]

    def _kill_server(self) -> None:
        free = [name for name in self._servers if name not in self._busy]
        if free:
            self._go(self._restart(self._random.choice(free)))

    async def _restart(self, name: str) -> None:
        self._busy.add(name)
        try:
            self.deaths[f"kill -9 server {name}"] += 1
            await self._servers[name].kill()
            await asyncio.sleep(self._random.uniform(0, 1))
            await self._servers[name].start()
        finally:
            self._busy.discard(name)

    def _deal_trouble(self) -> None:
        kinds = [
            one for one in self._wishes.trouble_kinds if one != "cut" or self._wires
        ]
        kind = self._random.choice(kinds)
        if kind == "cut":
            self._begun += 1
            self._go(self._cut(self._random.choice(sorted(self._wires))))
            return
        role_kind = self._random.choice(("relay", "consumer"))
        free = self._free(role_kind)
        if not free:
            return
        self._begun += 1
        name = self._random.choice(free)
        self._go(self._stop(name) if kind == "stop" else self._jump(name))

    async def _stop(self, name: str) -> None:
        """Pause a process beyond its lease.

        At any moment it is likely to be in a transaction. On SQLite nobody can take its
        lanes then, and nothing is shut out when it wakes: others stop in between.
        """
        assert self.company is not None
        kind, slot = role_of(name).kind, f"{name}/stops_itself"
        self.troubles[f"stop {kind}"] += 1
        self._busy.add(name)
        try:
            if kind == "consumer" and self._random.random() < _BETWEEN_SHARE:
                self._board[slot] = 1
                await until(lambda: not self._board[slot], _PATIENCE_SECONDS)
                self._board[slot] = 0
            self.company.signal(name, signal.SIGSTOP)
            await asyncio.sleep(LEASE_SECONDS * self._random.uniform(1.25, 2))
        finally:
            self._board[slot] = 0
            self.company.signal(name, signal.SIGCONT)
            self._busy.discard(name)

    async def _jump(self, name: str) -> None:
        """Set the clock of a process forward or back for a while."""
        self.troubles[f"jump {role_of(name).kind}"] += 1
        self._busy.add(name)
        far = self._random.choice((1.0, 10.0, _FARTHEST_JUMP_SECONDS))
        try:
            self._board[f"{name}/clock_ahead"] = far * self._random.choice((-1, 1))
            await asyncio.sleep(self._random.uniform(0.5, 3))
        finally:
            self._board[f"{name}/clock_ahead"] = 0
            self._busy.discard(name)

    async def _cut(self, name: str) -> None:
        """Reset, silence or slow down the network before a server for a while."""
        wire = self._wires[name]
        how = self._random.choice(("reset", "down", "silent", "slow"))
        self.troubles[f"{how} {name}"] += 1
        seconds = self._random.uniform(0.5, 4)
        try:
            if how == "reset":
                wire.cut()
                return
            if how == "down":
                wire.is_down = True
                wire.cut()
            elif how == "silent":
                wire.be_silent()
            else:
                wire.latency_seconds = self._random.uniform(0.02, 0.2)
            await asyncio.sleep(seconds)
        finally:
            wire.heal()

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._going.add(task)
        task.add_done_callback(self._going.discard)
