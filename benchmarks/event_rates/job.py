"""What one process of a run is told, and what it reports."""

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field

TEXT = "x" * 200  # with the rest of the body: about 300 bytes
KEYS = 256


@dataclass(frozen=True, slots=True)
class Job:
    """One process of a run.

    Attributes:
        role: What it does: `produce`, `consume` or `relay`.
        broker: URL of the broker.
        producing: URL of the producer's database; empty where there is none.
        consuming: URL of the consumer's database; empty where there is none.
        topic: What the events are called; new for each run.
        count: How many events there are.
        at_once: How many tasks publish, or how many messages are handled at a time.
        pause_seconds: Between two events; 0 for as fast as it goes.
    """

    role: str
    broker: str
    producing: str
    consuming: str
    topic: str
    count: int
    at_once: int
    pause_seconds: float

    def text(self) -> str:
        """Return it as an argument of a process."""
        return json.dumps(asdict(self))


@dataclass(slots=True)
class Report:
    """What a process saw.

    Attributes:
        first: When the first event was begun, on the machine's monotonic clock.
        last: When the last was done.
        waits: From the begin of each transaction to its effect, in seconds.
        cpu_seconds: What the process cost after it was ready.
    """

    first: float = 0.0
    last: float = 0.0
    waits: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0


class Seen:
    """Counts the events whose effect is committed, each once."""

    def __init__(self, count: int) -> None:
        """Wait for `count` events."""
        self._count = count
        self._numbers: set[int] = set()
        self.report = Report()
        self.all = asyncio.Event()

    def add(self, number: int, begun: float) -> None:
        """Count one event.

        Args:
            number: Which.
            begun: When its transaction was begun.
        """
        if number in self._numbers:
            return
        self._numbers.add(number)
        now = time.monotonic()
        self.report.waits.append(now - begun)
        self.report.last = now
        if len(self._numbers) == self._count:
            self.all.set()


async def produce(job: Job, one: Callable[[int, float], Awaitable[None]]) -> Report:
    """Make the events of a job.

    Args:
        job: How many, how fast.
        one: Makes one: its number, and when it was begun.

    Returns:
        When it began and ended.
    """
    numbers: Iterator[int] = iter(range(job.count))
    report = Report(first=time.monotonic())

    async def make() -> None:
        for number in numbers:
            await one(number, time.monotonic())
            if job.pause_seconds:
                await asyncio.sleep(job.pause_seconds)

    await asyncio.gather(*(make() for _ in range(job.at_once)))
    report.last = time.monotonic()
    return report


def key_of(number: int) -> str:
    """Return the key of an event.

    Args:
        number: Which event.
    """
    return f"customer-{number % KEYS}"


def run(main: Callable[[Job, Callable[[], None]], Awaitable[Report]]) -> None:
    """Run one process: tell when it is ready, then what it saw.

    Args:
        main: What it does; it is given the job, and what to call when it is ready.
    """
    import uvloop

    job = Job(**json.loads(sys.argv[1]))
    spent = [0.0]

    def ready() -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        spent[0] = used.ru_utime + used.ru_stime
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if job.role != "consume":
            sys.stdin.readline()  # the word to begin

    async def whole() -> Report:
        return await main(job, ready)

    report = uvloop.run(whole())
    used = resource.getrusage(resource.RUSAGE_SELF)
    report.cpu_seconds = used.ru_utime + used.ru_stime - spent[0]
    sys.stdout.write(json.dumps(asdict(report)) + "\n")
    sys.stdout.flush()
    os._exit(0)  # what a client leaves running must not keep a benchmark
