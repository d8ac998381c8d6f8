"""One torture, from the stage to the audit."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tortured.audit import Found, audit, counted
from tortured.board import FAILURES, OUTCOMES, Board
from tortured.company import Company
from tortured.disk import preload
from tortured.left import left_with
from tortured.nemesis import Nemesis
from tortured.plan import GROUPS, PRODUCERS, ROLES, Wishes, crash_points
from tortured.stage import Stage
from tortured.story import TOKEN_LENGTH

_MOST_AHEAD, _LEAST_AHEAD = 1_500, 300
_AHEAD_SHARE = 0.04  # how far the producers may be ahead of the slower group
_LOOK_SECONDS = 0.4
_LATE_SECONDS = 1.5  # for what ought not to come any more
_PART_SECONDS = 30.0
_TRIES = 5
_NEARLY = 0.95  # of the work is done: what fails or is doomed comes late or never
_STANDSTILL_SECONDS = {"embedded": 12.0, "rabbit": 40.0, "kafka": 40.0}


@dataclass(slots=True)
class Figures:
    """What came of a torture.

    Attributes:
        wishes: What was asked for.
        events: How many events were committed.
        seconds: From the first event until rest.
        rest_seconds: Of these, after the last death.
        deaths: By kind and place.
        troubles: The same of what nobody died of.
        counts: What the workers have counted.
        found: The audit.
        broken: What ought not to happen besides.
    """

    wishes: Wishes
    events: int = 0
    seconds: float = 0.0
    rest_seconds: float = 0.0
    deaths: dict[str, int] = field(default_factory=dict)
    troubles: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    found: Found = field(default_factory=Found)
    broken: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the promise was kept and nothing else went wrong."""
        return self.found.ok and not self.broken

    def document(self) -> dict[str, Any]:
        """Return it for a program."""
        return {**asdict(self), "ok": self.ok}

    def text(self) -> str:
        """Return it for a person."""
        wishes, rate = self.wishes, self.events / max(self.seconds, 0.001)
        lines = [
            f"{wishes.broker} + {wishes.database}"
            + (f", broken: {wishes.broken}" if wishes.broken else ""),
            f"  events       {self.events} in {self.seconds:.1f} s, {rate:.0f}/s, each"
            f" heard by {len(GROUPS)} groups; at rest after {self.rest_seconds:.1f} s",
            f"  deaths       {sum(self.deaths.values())}: {_listed(self.deaths)}",
            f"  troubles     {sum(self.troubles.values())}: {_listed(self.troubles)}",
            f"  seen         {_listed(self.counts)}",
            f"  audit        {_listed(self.found.counts())}",
        ]
        lines += [f"  FOUND        {line}" for line in self.found.examples]
        lines += [f"  BROKEN       {line}" for line in self.broken]
        verdict = "kept" if self.ok else "BROKEN"
        return "\n".join(
            [*lines, f"  the promise was {verdict} (--seed {wishes.seed})"]
        )


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "-"


def environment_for(wishes: Wishes) -> dict[str, str]:
    """Return what the processes must be started with.

    Args:
        wishes: What is asked for.

    Raises:
        OSError: The disk is to fail, and the library for that is not installed.
    """
    if not wishes.disk_fails_share:
        return {}
    library = preload()
    if library is None:
        raise OSError("libfiu is not installed: apt-get install fiu-utils libfiu-dev")
    return {"LD_PRELOAD": str(library)}


class Torture:
    """One run; `begin` to end."""

    def __init__(
        self, wishes: Wishes, folder: Path, tell: Callable[[str], None]
    ) -> None:
        """Describe it.

        Args:
            wishes: What is asked for.
            folder: An empty folder.
            tell: Called now and then with a line about how far it is.
        """
        self.wishes, self.folder = wishes, folder
        self.stage = Stage(wishes, folder)
        self.board = Board(folder, make=True)
        self.environment = environment_for(wishes)
        self._tell = tell
        self._placed = 0
        self._effects = dict.fromkeys(GROUPS, 0)
        self._moved_at = time.monotonic()
        ahead = int(wishes.events * _AHEAD_SHARE)
        self._ahead = wishes.ahead or min(_MOST_AHEAD, max(_LEAST_AHEAD, ahead))

    async def run(self) -> Figures:
        """Set the stage, torture, come to rest, audit; leave no process behind."""
        async with AsyncExitStack() as stack:
            await self.stage.build(stack)
            return await self._play(stack)

    async def _play(self, stack: AsyncExitStack) -> Figures:
        wishes, stage = self.wishes, self.stage
        stage.plan().write(self.folder)
        points = crash_points(wishes.broker)
        nemesis = Nemesis(wishes, self.board, points, stage.wires, stage.servers)
        random = Random(f"{wishes.seed}-company")
        company = Company(self.folder, self.board, random, nemesis.told)
        nemesis.company = company
        stack.push_async_callback(company.close)
        self.board["trouble"] = 1
        self.board["disk_fails_share"] = wishes.disk_fails_share
        await company.start(wishes.broker, self.environment)
        figures = Figures(wishes)
        began = time.monotonic()
        await self._torment(nemesis, figures)
        ended = time.monotonic()
        await nemesis.rest()
        self.board["trouble"] = self.board["disk_fails_share"] = 0
        await company.all_here(_PART_SECONDS)
        await self._come_to_rest()
        figures.rest_seconds = time.monotonic() - ended
        figures.seconds = time.monotonic() - began
        await asyncio.sleep(_LATE_SECONDS)
        late = await company.part(_PART_SECONDS)
        figures.broken += [f"{name} does not end when told" for name in late]
        figures.broken += nemesis.broken
        figures.deaths = dict(nemesis.deaths)
        figures.troubles = dict(nemesis.troubles)
        counted_names = (*OUTCOMES, *FAILURES, "rolled_back", "retried")
        figures.counts = {name: self.board.total(name) for name in counted_names}
        left = await self._left()
        if left is None:
            figures.broken.append("the broker does not tell what is left with it")
        figures.found = await audit(stage.databases, self._acknowledged(), left or 0)
        figures.events = self._placed
        return figures

    async def _left(self) -> int | None:
        """Return what is left with the broker, if it tells."""
        for _ in range(_TRIES):
            left = await left_with(self.stage.near["broker"])
            if left is not None:
                return left
        return None

    def _acknowledged(self) -> set[str]:
        """Return the tokens of what was committed as far as producers were told."""
        files = self.folder.glob("*.acknowledged")
        lines = (line for file in files for line in file.read_text().split("\n"))
        return {line for line in lines if len(line) == TOKEN_LENGTH}

    async def _torment(self, nemesis: Nemesis, figures: Figures) -> None:
        """Let the nemesis rage until all is placed and dealt out."""
        ends = time.monotonic() + self.wishes.longest_seconds
        self._moved_at = time.monotonic()
        raging = asyncio.create_task(nemesis.rage(lambda: self.progress))
        told_at = 0.0
        try:
            while (
                not raging.done()
                or self._placed < self.wishes.events
                or self.progress < _NEARLY
            ):
                await self._look()
                if time.monotonic() > told_at:
                    told_at = time.monotonic() + 5
                    heard = "/".join(map(str, self._effects.values()))
                    self._tell(
                        f"{self._placed} placed, {heard} heard,"
                        f" {nemesis.deaths.total()} deaths"
                    )
                if time.monotonic() > ends and self._stands_still:
                    figures.broken.append("it does not get on: given up")
                    return
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            raging.cancel()
            await asyncio.gather(raging, return_exceptions=True)
        if not raging.cancelled() and (error := raging.exception()) is not None:
            raise error

    @property
    def _stands_still(self) -> bool:
        """Whether nothing was heard for long."""
        still = time.monotonic() - self._moved_at
        return still > _STANDSTILL_SECONDS[self.wishes.broker]

    @property
    def progress(self) -> float:
        """How far the work is, 0 to 1; 1 where it does not get on."""
        if self._stands_still:
            return 1.0
        done = self._placed + sum(self._effects.values())
        return done / self.wishes.events / (1 + len(GROUPS))

    async def _look(self) -> None:
        """See how far everybody is; let the producers go on, but not far ahead."""
        placed = [
            await counted(self.stage.databases[name], "placed") for name in PRODUCERS
        ]
        if None not in placed:
            self._placed = sum(count or 0 for count in placed)
        for group in GROUPS:
            count = await counted(self.stage.databases[group], "ledger")
            if count is not None and count != self._effects[group]:
                self._effects[group], self._moved_at = count, time.monotonic()
        if self.progress == 1.0:
            self._ahead += _LEAST_AHEAD  # some effects never come: it is broken
        makers = sum(role.kind == "producer" for role in ROLES)
        slowest = min(self._effects.values())
        self.board["allowed"] = (slowest + self._ahead) / makers

    async def _come_to_rest(self) -> None:
        """Wait until nothing moves any more, for a limited time."""
        ends = time.monotonic() + self.wishes.rest_seconds
        self.board["allowed"] = 0  # what is placed is placed
        while time.monotonic() < ends:
            await self._look()
            self.board["allowed"] = 0
            if await self._is_quiet():
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _is_quiet(self) -> bool:
        databases = self.stage.databases
        for name in PRODUCERS:
            if await counted(databases[name], "fleet_outbox") != 0:
                return False
        for group in GROUPS:
            waiting = "where state = 0"
            if await counted(databases[group], "fleet_parked", waiting) != 0:
                return False
        return await left_with(self.stage.near["broker"]) == 0
