"""Load that does not wait: requests start when they are due, however slow the answers.

A generator that waits for an answer before it asks again slows down with the service,
and so hides overload. Here each latency counts from the moment the request was due,
and a request not answered by its deadline is given up, as a caller would.
"""

import asyncio
import gc
import math
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send.

    Attributes:
        port: Where to, on 127.0.0.1.
        rate: Requests a second, at random moments (Poisson).
        seconds: For how long.
        deadline_seconds: After that an answer is of no use.
        path: What to ask for.
        headers: Header lines and how many of a hundred requests carry them.
        connections: Most connections at a time.
        core: The processor core to run on, or None for any.
        seed: One seed, one schedule.
    """

    port: int
    rate: float
    seconds: float
    deadline_seconds: float = 0.5
    path: str = "/"
    headers: tuple[tuple[str, int], ...] = ()
    connections: int = 1000
    core: int | None = None
    seed: int = 1


@dataclass(slots=True)
class Outcome:
    """What became of the requests of a plan.

    Attributes:
        seconds: How long requests were due.
        offered: How many were.
        good: Latencies of those answered 2xx in time, in seconds, sorted.
        others: How many ended otherwise: a status, `late`, `lost` or `unsent`.
        by_header: The same counts for each header line.
        lag_seconds: How late the generator itself was, 99th percentile.
    """

    seconds: float
    offered: int = 0
    good: list[float] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    by_header: dict[str, Counter[str]] = field(default_factory=dict)
    lag_seconds: float = 0.0

    @property
    def good_rate(self) -> float:
        """Good answers a second."""
        return len(self.good) / self.seconds

    def latency_ms(self, quantile: float) -> float:
        """Return a quantile of the good answers' latency, in milliseconds.

        Args:
            quantile: 0 to 1.

        Returns:
            Not a number when there were none.
        """
        if not self.good:
            return math.nan
        index = min(len(self.good) - 1, int(quantile * len(self.good)))
        return self.good[index] * 1000


class _Job:
    __slots__ = ("connection", "due", "header", "over")

    def __init__(self, due: float, header: str) -> None:
        self.due = due
        self.header = header
        self.over = False
        self.connection: _Connection | None = None


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._buffer = b""
        self.job: _Job | None = None
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._load.free(self)

    def ask(self, job: _Job) -> None:
        self.job, job.connection = job, self
        self.transport.write(self._load.requests[job.header])

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found or self.job is None:
            return
        lower = head.lower()
        at = lower.find(b"\r\ncontent-length:")
        length = int(lower[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        job, self.job = self.job, None
        self._load.over(job, head[9:12].decode())
        if b"\r\nconnection: close" in lower:
            self.transport.close()
        else:
            self._load.free(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._load.lost(self)
        if self.job is not None:
            self._load.over(self.job, "lost")


class _Load:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.outcome = Outcome(plan.seconds)
        head = f"GET {plan.path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\n"
        lines = {"", *(line for line, _ in plan.headers)}
        self.requests = {
            line: f"{head}{line}\r\n\r\n".encode() if line else f"{head}\r\n".encode()
            for line in lines
        }
        self._idle: list[_Connection] = []
        self._waiting: list[_Job] = []
        self._due: list[_Job] = []
        self._lags: list[float] = []
        self._open = 0
        self._dials: set[asyncio.Task[None]] = set()

    def over(self, job: _Job, how: str) -> None:
        if job.over:
            return
        job.over = True
        took = time.perf_counter() - job.due
        if how.startswith("2"):
            how = "good" if took <= self.plan.deadline_seconds else "late"
        if how == "good":
            self.outcome.good.append(took)
        else:
            self.outcome.others[how] += 1
        self.outcome.by_header.setdefault(job.header, Counter())[how] += 1

    def free(self, connection: _Connection) -> None:
        if connection.transport.is_closing():
            return
        while self._waiting:
            job = self._waiting.pop()
            if not job.over:
                connection.ask(job)
                return
        self._idle.append(connection)

    def lost(self, connection: _Connection) -> None:
        self._open -= 1
        if connection in self._idle:
            self._idle.remove(connection)

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(
                lambda: _Connection(self), "127.0.0.1", self.plan.port
            )
        except OSError:
            self._open -= 1

    def _begin(self, job: _Job) -> None:
        self.outcome.offered += 1
        self._due.append(job)
        self._lags.append(time.perf_counter() - job.due)
        while self._idle:
            connection = self._idle.pop()
            if not connection.transport.is_closing():
                connection.ask(job)
                return
        self._waiting.append(job)
        if self._open < self.plan.connections and len(self._dials) < 50:
            self._open += 1
            task = asyncio.ensure_future(self._dial())
            self._dials.add(task)
            task.add_done_callback(self._dials.discard)

    def _give_up(self) -> None:
        """Give up what is past its deadline; its connection is of no use either."""
        limit = time.perf_counter() - self.plan.deadline_seconds
        past = 0
        for job in self._due:
            if job.due > limit:
                break
            past += 1
            if job.over:
                continue
            connection = job.connection
            self.over(job, "late" if connection else "unsent")
            if connection is not None and connection.job is job:
                connection.job = None
                connection.transport.abort()
        del self._due[:past]

    async def run(self) -> Outcome:
        draw = random.Random(self.plan.seed)
        due = time.perf_counter() + 0.1
        end = due + self.plan.seconds
        while due < end:
            pause = due - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(min(pause, 0.01))
            elif pause < -0.002:
                await asyncio.sleep(0)
            while due <= time.perf_counter() and due < end:
                self._begin(_Job(due, self._header(draw)))
                due += draw.expovariate(self.plan.rate)
            self._give_up()
        while self._due:
            await asyncio.sleep(0.01)
            self._give_up()
        self.outcome.good.sort()
        self._lags.sort()
        self.outcome.lag_seconds = self._lags[int(0.99 * len(self._lags))]
        return self.outcome

    def _header(self, draw: random.Random) -> str:
        number = draw.randrange(100)
        for line, share in self.plan.headers:
            number -= share
            if number < 0:
                return line
        return ""


def _run(plan: Plan) -> Outcome:
    import uvloop

    if plan.core is not None:
        os.sched_setaffinity(0, {plan.core})
    gc.disable()  # a collection would delay the schedule
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Load(plan).run())


def send(plans: Sequence[Plan]) -> list[Outcome]:
    """Run plans one after the other, each in a process of its own.

    Args:
        plans: What to send.

    Returns:
        What became of each.
    """
    outcomes = []
    for plan in plans:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            outcomes.append(pool.submit(_run, plan).result())
    return outcomes
