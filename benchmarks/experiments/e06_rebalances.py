"""A member joins or leaves a group of Kafka every 5 s; one dies between two steps.

It dies with effects that are committed and not acknowledged: whoever has its lanes next
is handed them again. A kill at any moment finds some of those only now and then.
On the Kafka `TEST_KAFKA_URL` names, else on one of its own.
"""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from experiments.kafka_member import COMMITS_AHEAD, DIE, counted
from experiments.lab import Lab
from experiments.served import BENCHMARKS
from fleetwright.errors import Unavailable
from fleetwright.events import Broker, connect
from fleetwright.events._envelope import encode
from tortured.servers import Server

MUTANTS = ("no-inbox", COMMITS_AHEAD)
KEYS = 60
BATCH = 12
PAUSE_SECONDS = 0.15  # between batches: 80 events a second
TURN_SECONDS = 5.0
TURNS = ("join", "join", "leave", "join", "die", "join", "leave")
REST_SECONDS = 20.0
SESSION_SECONDS = 6  # the least that a Kafka allows by its defaults
_MOST_STILL_SECONDS = 8.0


class Member:
    """One process of the group, and what it has told of its deliveries."""

    def __init__(self, process: Process) -> None:
        """Read what it tells."""
        self.process = process
        self.outcomes: dict[str, int] = {}
        self.reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.outcomes = json.loads(line)["outcomes"]

    async def end(self, *, by_force: bool) -> None:
        """Stop it as an operator would, or have it die where that does most harm."""
        with suppress(ProcessLookupError):
            self.process.send_signal(DIE if by_force else signal.SIGTERM)
        async with asyncio.timeout(15):
            await self.process.wait()
        await self.reader


class Group:
    """The members there are and have been."""

    def __init__(self, words: list[str]) -> None:
        """Begin with none.

        Args:
            words: What starts a member.
        """
        self._words = words
        self.here: list[Member] = []
        self.gone: list[Member] = []

    async def turn(self, what: str) -> None:
        """Let one join, or the oldest leave or die."""
        if what == "join":
            process = await asyncio.create_subprocess_exec(
                *self._words,
                stdout=PIPE,
                stderr=DEVNULL,
                env={**os.environ, "PYTHONPATH": str(BENCHMARKS)},
            )
            self.here.append(Member(process))
            return
        member = self.here.pop(0)
        await member.end(by_force=what == "die")
        self.gone.append(member)

    async def end(self) -> None:
        """Let all leave."""
        while self.here:
            await self.turn("leave")

    def count(self, outcome: str) -> int:
        """Return how often deliveries came to something, in all processes."""
        members = self.here + self.gone
        return sum(member.outcomes.get(outcome, 0) for member in members)


async def _tell(
    broker: Broker, topic: str, told: dict[str, int], over: asyncio.Event
) -> None:
    """Publish as a relay does: a batch again until it is confirmed."""
    kind: Any = counted(topic)
    while not over.is_set():
        batch = []
        for _ in range(BATCH):
            key = f"k{sum(told.values()) % KEYS}"
            told[key] = told.get(key, 0) + 1
            batch.append(encode(kind(key=key, n=told[key]), source="teller"))
        while True:
            try:
                refused = await broker.publish(batch)
            except Unavailable:
                await asyncio.sleep(0.1)
            else:
                assert not refused
                break
        await asyncio.sleep(PAUSE_SECONDS)


def _effects(file: Path) -> list[tuple[str, int]]:
    with sqlite3.connect(file, timeout=10) as rows:
        return rows.execute("select key, n from effect order by i").fetchall()


def _out_of_order(effects: list[tuple[str, int]]) -> int:
    """Count effects that are not the next one of their key; repetitions aside."""
    last: dict[str, int] = {}
    wrong = 0
    for key, n in effects:
        if n > last.get(key, 0):
            wrong += n != last.get(key, 0) + 1
            last[key] = n
        else:
            wrong += 1
    return wrong


async def _come_to_rest(file: Path, count: int) -> list[tuple[str, int]]:
    """Wait until all is heard, or nothing more is."""
    loop = asyncio.get_running_loop()
    begun = changed = loop.time()
    effects = _effects(file)
    while len(effects) < count and loop.time() - begun < REST_SECONDS:
        await asyncio.sleep(0.2)
        now = _effects(file)
        if len(now) > len(effects):
            changed = loop.time()
        elif loop.time() - changed > SESSION_SECONDS + _MOST_STILL_SECONDS:
            break
        effects = now
    return effects


async def _kafka(lab: Lab, stack: AsyncExitStack) -> str:
    given = os.environ.get("TEST_KAFKA_URL")
    lab.note("on", "the Kafka of TEST_KAFKA_URL" if given else "a Kafka of its own")
    if given:
        return f"{given}?session_seconds={SESSION_SECONDS}"
    server = Server("kafka", lab.folder)
    stack.push_async_callback(server.down)
    await server.up()
    return server.url


async def run(lab: Lab) -> None:
    """Tell and hear while members come and go; then count."""
    topic, file = f"e06.t{lab.folder.name.lower()}{os.getpid()}", lab.folder / "data.db"
    topic = "".join(it if it.isalnum() or it == "." else "-" for it in topic)
    told: dict[str, int] = {}
    async with AsyncExitStack() as stack:
        url = await _kafka(lab, stack)
        words = [
            sys.executable,
            "-m",
            "experiments.kafka_member",
            url,
            topic,
            str(file),
        ]
        group = Group([*words, *([lab.mutant] if lab.mutant else [])])
        stack.push_async_callback(group.end)
        broker = connect(url)
        await broker.open()
        stack.push_async_callback(broker.close)
        over = asyncio.Event()
        telling = asyncio.create_task(_tell(broker, topic, told, over))
        for what in TURNS:
            await group.turn(what)
            await asyncio.sleep(TURN_SECONDS)
        over.set()
        await telling
        count = sum(told.values())
        effects = await _come_to_rest(file, count)
        await group.end()
    distinct = set(effects)
    lab.history.note(told=told, effects=len(effects))
    lost = {
        (key, n) for key, most in told.items() for n in range(1, most + 1)
    } - distinct
    lab.check(f"of {count} events lost", len(lost), not lost)
    lab.check(
        "effects that happened twice",
        len(effects) - len(distinct),
        len(effects) == len(distinct),
    )
    wrong = _out_of_order(effects)
    lab.check("out of the order of their key", wrong, wrong == 0)
    suppressed = group.count("duplicate")
    lab.check("duplicates that were suppressed, > 0", suppressed, suppressed > 0)
