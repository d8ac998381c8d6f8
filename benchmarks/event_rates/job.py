"""What one process of a run is told, and what it reports."""

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field

TEXT = "x" * 200  # with the rest of the body: about 300 bytes
KEYS = 256
STALLED_SECONDS = 20.0  # nothing was heard for so long: nothing more will be


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One process of a run.

    Attributes:
        broker: URL of the broker.
        count: How many events there are.
        publishers: How many tasks publish; each has keys of its own.
        a_transaction: How many events are published in one, of different keys.
        lanes: How many queues or partitions FastStream hears beside each other.
        prefetch: How many messages of a lane FastStream handles at a time; 1 for order.
        pause_seconds: Of a task between two transactions; 0 for as fast as it goes.
        role: What the process does: `produce`, `consume` or `relay`.
        topic: What the events are called; new for each run.
        producing: URL of the producer's database; empty where there is none.
        consuming: URL of the consumer's database; empty where there is none.
    """

    broker: str
    count: int
    publishers: int = 1
    a_transaction: int = 1
    lanes: int = 1
    prefetch: int = 1
    pause_seconds: float = 0.0
    role: str = ""
    topic: str = ""
    producing: str = ""
    consuming: str = ""

    @property
    def is_ordered(self) -> bool:
        """Whether the events of a key are heard in the order they were published."""
        return self.prefetch == 1

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
        self._all = asyncio.Event()
        self.report = Report()

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
            self._all.set()

    async def wait(self) -> Report:
        """Wait until all were heard, or until no more come.

        Returns:
            What was seen; whoever reads it counts.
        """
        before = -1
        while before != len(self._numbers) and not self._all.is_set():
            before = len(self._numbers)
            try:
                async with asyncio.timeout(STALLED_SECONDS):
                    await self._all.wait()
            except TimeoutError:
                continue
        return self.report


async def produce(
    job: Job, sell: Callable[[Sequence[int], float], Awaitable[None]]
) -> Report:
    """Make the events of a job.

    A key belongs to one task: the order of its numbers is the order of its events.
    With a pause the tasks begin one after another, so that the events come evenly.

    Args:
        job: How many, how fast.
        sell: Makes those of one transaction: their numbers, and when it was begun.

    Returns:
        When it began and ended.
    """
    report = Report(first=time.monotonic())

    async def make(task: int) -> None:
        await asyncio.sleep(job.pause_seconds * task / job.publishers)
        numbers = range(task, job.count, job.publishers)
        for place in range(0, len(numbers), job.a_transaction):
            await sell(numbers[place : place + job.a_transaction], time.monotonic())
            if job.pause_seconds:
                await asyncio.sleep(job.pause_seconds)

    await asyncio.gather(*(make(task) for task in range(job.publishers)))
    report.last = time.monotonic()
    return report


async def timed(work: Callable[[], Awaitable[None]]) -> Report:
    """Do something once.

    Args:
        work: What is done.

    Returns:
        When it began and ended.
    """
    report = Report(first=time.monotonic())
    await work()
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

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is logged must not come between the answers
    job = Job(**json.loads(sys.argv[1]))
    spent = [0.0]

    def answer(line: str) -> None:
        answers.write(f"{line}\n")
        answers.flush()

    def ready() -> None:
        spent[0] = _cpu_seconds()
        answer("ready")
        if job.role != "consume":
            sys.stdin.readline()  # the word to begin

    async def whole() -> Report:
        return await main(job, ready)

    report = uvloop.run(whole())
    report.cpu_seconds = _cpu_seconds() - spent[0]
    answer(json.dumps(asdict(report)))
    os._exit(0)  # what a client leaves running must not keep a benchmark


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
