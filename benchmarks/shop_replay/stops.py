"""Containers stopped and started again under load, as whoever runs them does it."""

import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

from shop_replay.audit import Check
from shop_replay.composed import (
    HTTP_PORT,
    ComposedFleet,
    Container,
    containers_of,
    docker,
)
from shop_replay.running import FleetError
from shop_replay.tokens import Tokens

BACK_SECONDS = 240.0
LOOK_SECONDS = 0.25
_SCRIPT = Path(__file__).with_name("caller.py")
# What is called of each: something that reads its data, where callers may.
PATHS = {
    "catalog": "/v1/products?page_size=5",
    "issuer": "/.well-known/jwks.json",
    "notifications": "/livez",
    "orders": "/v1/orders?page_size=5",
    "payments": "/v1/charges?page_size=5",
    "stock": "/livez",
    "storefront": "/",
    "vouchers": "/livez",
}
_WITH_TOKENS = ("catalog", "orders", "payments")


class Stops:
    """Stops every service once by `docker stop`, while callers call all of them.

    Attributes:
        stopped: How often each service was stopped.
        counts: By target, how its calls ended.
    """

    def __init__(self, fleet: ComposedFleet) -> None:
        """Plan a round through all services.

        Args:
            fleet: What docker-compose brought up.
        """
        self._fleet = fleet
        self._round: asyncio.Task[None] | None = None
        self._caller: asyncio.subprocess.Process | None = None
        self._name = f"{fleet.project}-caller"
        self._problems: list[str] = []
        self._longest = 0.0
        self._under_load = 0
        self.stopped: Counter[str] = Counter()
        self.counts: dict[str, Counter[str]] = {}

    async def open(self) -> None:
        """Begin to call, then to stop.

        Raises:
            FleetError: There is nothing to call, or nobody to call it.
        """
        await self._fleet.require_running()
        network = await docker(
            "network",
            "ls",
            "--quiet",
            "--filter",
            f"label=com.docker.compose.project={self._fleet.project}",
        )
        image = self._fleet.containers["storefront"].facts["Config"]["Image"]
        self._caller = await asyncio.create_subprocess_exec(
            *("docker", "run", "--rm", "--interactive", "--read-only"),
            *("--name", self._name, "--cap-drop", "ALL", "--no-healthcheck"),
            *("--network", network.split()[0], image),
            *("python3", "-c", _SCRIPT.read_text("utf-8")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        await self._tell(await self._targets())
        await self._counted(lambda counts: all("200" in it for it in counts.values()))
        self._round = asyncio.create_task(self._stop_all())

    def placed(self) -> None:
        """Note how many have been stopped: the last invoice is placed."""
        self._under_load = self.stopped.total()

    async def close(self) -> list[Check]:
        """Wait until all are back and the callers have ended; return what was seen."""
        try:
            if self._round is not None:
                await self._round
            self.counts = await self._counted(lambda counts: True)
        finally:
            if self._caller is not None and self._caller.stdin is not None:
                self._caller.stdin.close()
                await self._caller.wait()
        return self._checks()

    def _checks(self) -> list[Check]:
        ends = sum(self.counts.values(), Counter[str]())
        cut = [
            f"{name}: {n} {how}"
            for name, it in self.counts.items()
            for how, n in it.items()
            if how.startswith("cut")
        ]
        odd = [
            f"{name}: {n} answered {how}"
            for name, it in self.counts.items()
            for how, n in it.items()
            if how.isdecimal() and how not in ("200", "503")
        ]
        answered = sum(n for how, n in ends.items() if how.isdecimal())
        figure = (
            f"{answered} calls answered ({ends['503']} with 503), "
            f"{ends['refused']} refused before anything was sent"
        )
        few = [] if self._under_load else ["none while invoices were placed"]
        ended = f"{self.stopped.total()} stops, the longest {self._longest:.1f} s"
        return [
            Check("containers were stopped under load", ended, tuple(few)),
            Check(
                "each ended with 0, and came back healthy",
                f"{len(self.stopped)} services",
                tuple(self._problems),
            ),
            Check("no call was cut", figure, tuple(cut)),
            Check("no call failed", f"{answered} answers", tuple(odd)),
        ]

    async def _stop_all(self) -> None:
        for name in PATHS:
            container = self._fleet.containers[name]
            begun = time.monotonic()
            await docker("stop", container.identity)
            self._longest = max(self._longest, time.monotonic() - begun)
            self.stopped[name] += 1
            stopped = await self._look(name)
            code = stopped.facts["State"]["ExitCode"]
            if code:
                self._problems.append(f"{name} ended with {code}")
            await docker("start", container.identity)
            if not await self._is_back(name):
                self._problems.append(f"{name} is not healthy after {BACK_SECONDS:g} s")
            await self._counted(lambda counts: True)  # with new tokens

    async def _is_back(self, name: str) -> bool:
        """Wait until a container is healthy; return whether it became so."""
        deadline = time.monotonic() + BACK_SECONDS
        while (await self._look(name)).state != "ready":
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def _look(self, name: str) -> Container:
        found = {it.service: it for it in await containers_of(self._fleet.project)}
        return found[name]

    async def _targets(self) -> dict[str, Any]:
        async with aiohttp.ClientSession() as session:
            tokens = Tokens(self._fleet.issuer(), session)
            headers = {name: await tokens.headers(name) for name in _WITH_TOKENS}
        return {
            name: {
                "host": name,
                "port": HTTP_PORT,
                "path": path,
                "headers": headers.get(name, {}),
            }
            for name, path in PATHS.items()
        }

    async def _tell(self, words: object) -> None:
        assert self._caller is not None and self._caller.stdin is not None
        self._caller.stdin.write(f"{json.dumps(words)}\n".encode())
        await self._caller.stdin.drain()

    async def _counted(self, enough: Any) -> dict[str, Counter[str]]:
        """Return how calls ended, once that is enough."""
        assert self._caller is not None and self._caller.stdout is not None
        async with asyncio.timeout(BACK_SECONDS):
            while True:
                await self._tell(await self._targets())
                line = await self._caller.stdout.readline()
                if not line:
                    raise FleetError(
                        "the callers ended by themselves",
                        where=self._name,
                        hint="what they said is above",
                    )
                counts = {name: Counter(it) for name, it in json.loads(line).items()}
                if enough(counts):
                    return counts
                await asyncio.sleep(LOOK_SECONDS)
