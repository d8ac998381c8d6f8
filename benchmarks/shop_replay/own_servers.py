"""Servers of a replay's own, and how they are killed: `scripts/infra`."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

from shop_replay.chaos import kill_places, victims
from shop_replay.own_folder import ROOT
from shop_replay.running import FleetError

INFRA = ROOT / "scripts" / "infra"
DEAD_SECONDS = (0.2, 1.5)  # from the kill to the start, besides what a start takes
# What the fleet is told of each kind, beside the URL.
_VARIABLES = {
    "postgres": "POSTGRES_URL",
    "rabbit": "BROKER_URL",
    "kafka": "BROKER_URL",
}


class OwnServers:
    """Real servers that live as long as a replay.

    Attributes:
        kinds: What they are: `postgres`, `rabbit`, `kafka`.
    """

    def __init__(self, kinds: Sequence[str]) -> None:
        """Describe them; nothing is started yet.

        Args:
            kinds: What is started; none for none.
        """
        self.kinds = tuple(kinds)
        self._name = f"replay-{os.getpid()}"

    async def up(self) -> dict[str, str]:
        """Start them and wait until they answer.

        Returns:
            The variables that make a fleet use them.

        Raises:
            FleetError: One cannot be started.
        """
        if not self.kinds:
            return {}
        mine = str(os.getpid())  # they end with us, also where we are killed
        words = ("--port", "0", "--json", "--while", mine)
        said = await self._run("up", *self.kinds, *words)
        told = {kind: facts for kind, facts in json.loads(said).items()}
        found = {_VARIABLES[kind]: str(told[kind]["url"]) for kind in self.kinds}
        if "rabbit" in told:
            found["RABBIT_API_URL"] = told["rabbit"]["variables"]["TEST_RABBIT_API_URL"]
        return found

    async def down(self) -> None:
        """End them; nothing of them is left."""
        if self.kinds:
            await self._run("down")

    async def kill(self, kind: str) -> None:
        """End one with SIGKILL.

        Args:
            kind: Which.
        """
        await self._run("kill", kind)

    async def start(self, kind: str) -> None:
        """Start one anew on the same data.

        Args:
            kind: Which.
        """
        await self._run("start", kind)

    async def _run(self, verb: str, *words: str) -> str:
        child = await asyncio.create_subprocess_exec(
            *(str(INFRA), verb, *words, "--name", self._name),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, talk = await child.communicate()
        if child.returncode != 0:
            raise FleetError(
                f"`scripts/infra {verb}` ended with {child.returncode}",
                where=talk.decode(errors="replace").strip(),
                hint="run it by hand and read what it says",
            )
        return out.decode()


class ServerChaos:
    """Kills servers by a seeded plan, and starts each again on its own data.

    Attributes:
        kills: How often each was killed.
    """

    def __init__(
        self, servers: OwnServers, *, seed: int, kills: int, invoices: int
    ) -> None:
        """Plan the kills.

        Args:
            servers: Who is killed.
            seed: What the plan is made from; the same seed gives the same plan.
            kills: How many kills, at least 1.
            invoices: How many invoices the run has.
        """
        random = Random(f"servers {seed}")
        self._servers = servers
        self._turns: Mapping[str, asyncio.Lock] = {
            kind: asyncio.Lock() for kind in servers.kinds
        }
        self._plan = list(
            zip(
                kill_places(invoices, kills, random),
                victims(servers.kinds, kills, random),
                [random.uniform(*DEAD_SECONDS) for _ in range(kills)],
                strict=True,
            )
        )
        self._due: list[asyncio.Task[None]] = []
        self.kills: Counter[str] = Counter()

    async def before(self, index: int) -> None:
        """Kill what is due before the invoice at this place is started.

        Args:
            index: The invoice's place in the run.
        """
        while self._plan and self._plan[0][0] <= index:
            _, kind, dead_seconds = self._plan.pop(0)
            self._due.append(asyncio.create_task(self._kill(kind, dead_seconds)))

    async def close(self) -> None:
        """Wait until all are up again.

        Raises:
            FleetError: One could not be killed or started.
        """
        await asyncio.gather(*self._due)

    async def _kill(self, kind: str, dead_seconds: float) -> None:
        async with self._turns[kind]:
            await self._servers.kill(kind)
            self.kills[kind] += 1
            await asyncio.sleep(dead_seconds)
            await self._servers.start(kind)
