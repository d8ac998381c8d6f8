"""Load at a fixed rate, each request counted by how it ended."""

import asyncio
import itertools
import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fleetwright_cli.rehearse._asks import Ask
from fleetwright_cli.rehearse._caller import Answer, Caller, Lost
from fleetwright_cli.rehearse._rpc_caller import RpcCaller

AT_ONCE = 6
REPEATED_EACH = 4  # of the requests with a key, every so manieth is sent twice
_FAILING = range(500, 600)
# What an instance says that gets too little CPU: nothing was done, come again. It tells
# of this machine, and callers do come again. One that stops has no such excuse.
_BUSY = frozenset({"blocked", "overloaded"})
_BUSY_SECONDS = 1.0


@dataclass(slots=True)
class Tally:
    """What became of requests.

    Attributes:
        sent: How many were sent.
        statuses: How many answers of each status.
        lost: Why requests were lost, and how many; answers of 5xx among them.
        resent: How many were sent again, because a kept connection was closed.
        cuts: How many calls of gRPC were begun, cut off and sent again.
        good: How many good answers, by what was asked for; those with none as 0.
        refusals: What was said last to what was refused, by what was asked for.
        busy: How often an instance said that it is too busy now; asked again later.
        repeated: How many were sent twice on purpose, with the same key.
        doubled: Of these, how many had two effects: other answers.
        seconds: How long answers took.
    """

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    resent: int = 0
    cuts: int = 0
    good: Counter[str] = field(default_factory=Counter)
    refusals: dict[str, str] = field(default_factory=dict)
    busy: int = 0
    repeated: int = 0
    doubled: int = 0
    seconds: list[float] = field(default_factory=list)

    def milliseconds(self, share: float) -> float:
        """Return how long answers took at most, but for the slowest.

        Args:
            share: How many of them all, 0 to 1.
        """
        if not self.seconds:
            return 0.0
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000

    def facts(self) -> dict[str, Any]:
        """Return all of it as JSON-ready values."""
        return {
            "sent": self.sent,
            "statuses": {str(one): n for one, n in sorted(self.statuses.items())},
            "lost": sum(self.lost.values()),
            "lost_because": dict(self.lost),
            "resent": self.resent,
            "busy": self.busy,
            "repeated": self.repeated,
            "doubled": self.doubled,
            "p50_ms": round(self.milliseconds(0.5), 1),
            "p99_ms": round(self.milliseconds(0.99), 1),
        }


@dataclass(frozen=True, slots=True)
class Pace:
    """How load is driven.

    Attributes:
        rate: Requests a second.
        at_once: Most requests under way: more would try how a service refuses, not how
            it is rolled.
        answer_seconds: Longest wait for an answer.
        repeats: Whether some requests with a key are sent twice.
    """

    rate: float
    at_once: int = AT_ONCE
    answer_seconds: float = 30.0
    repeats: bool = True


class Load:
    """Sends requests when they are due, until it is told to end.

    Attributes:
        tally: What becomes of those that are sent now.
    """

    def __init__(
        self,
        asks: Iterator[Ask],
        ports: Mapping[str, int],
        rpc: Mapping[str, RpcCaller],
        pace: Pace,
        token: Callable[[str], str],
    ) -> None:
        """Prepare load.

        Args:
            asks: What to send.
            ports: Where services are; the one under `""` is rehearsed.
            rpc: Who asks those services that are asked over gRPC.
            pace: How fast.
            token: What proves to a service who asks.
        """
        self.tally = Tally()
        self._asks = asks
        self._ports = ports
        self._rpc = rpc
        self._pace = pace
        self._token = token
        self._caller = Caller(pace.answer_seconds)
        self._word = secrets.token_hex(6)  # other keys in each rehearsal
        self._numbers = itertools.count(1)
        self._with_key = itertools.count(1)
        self._ends = asyncio.Event()

    def turn(self) -> Tally:
        """Begin to count anew.

        Returns:
            Where requests are counted that are sent from now on.
        """
        self.tally = Tally()
        return self.tally

    def end(self) -> None:
        """Send no more; `run` returns when all are answered."""
        self._ends.set()

    async def run(self) -> None:
        """Send requests when they are due, until `end`."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        room = asyncio.Semaphore(self._pace.at_once)
        try:
            async with asyncio.TaskGroup() as group:
                while not self._ends.is_set():
                    await asyncio.sleep(max(0.0, due - loop.time()))
                    due += 1 / self._pace.rate
                    await room.acquire()
                    one = group.create_task(self._one(next(self._asks)))
                    one.add_done_callback(lambda _: room.release())
        finally:
            self._caller.close()

    async def once(self, ask: Ask) -> Answer:
        """Send one request, outside of all counting; again while nobody has time.

        Args:
            ask: What to send.

        Returns:
            The whole answer, whatever its status.

        Raises:
            Lost: There was no answer.
        """
        loop, number = asyncio.get_running_loop(), f"{self._word}-before"
        until = loop.time() + self._pace.answer_seconds
        while True:
            answer = await self._send(ask, number, anew=True)
            if _kind(answer) not in _BUSY or loop.time() > until:
                return answer
            await asyncio.sleep(_BUSY_SECONDS)

    async def _one(self, ask: Ask) -> None:
        """Send one request and count how it ended; some of those with a key twice."""
        tally = self.tally
        tally.sent += 1
        number = next(self._numbers)
        began = asyncio.get_running_loop().time()
        first = await self._counted(tally, ask, f"{self._word}-{number}", anew=False)
        tally.seconds.append(asyncio.get_running_loop().time() - began)
        if not (self._pace.repeats and ask.is_keyed):
            return
        if next(self._with_key) % REPEATED_EACH:
            return
        # On a connection of its own: as likely as not to the other version.
        again = await self._counted(tally, ask, f"{self._word}-{number}", anew=True)
        if _is_good(first) and _is_good(again):
            tally.repeated += 1
            expected = _said(first) if ask.again is None else ask.again
            tally.doubled += _said(again) != expected

    async def _counted(
        self, tally: Tally, ask: Ask, number: str, *, anew: bool
    ) -> Answer | None:
        """Send a request; count its answer, or that there is none."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._pace.answer_seconds
        try:
            while _kind(answer := await self._send(ask, number, anew=anew)) in _BUSY:
                if loop.time() > until:
                    break
                tally.busy += 1
                await asyncio.sleep(_BUSY_SECONDS)
        except Lost as lost:
            tally.lost[f"{ask.name}: {lost}"] += 1
            return None
        tally.statuses[answer.status] += 1
        tally.resent += answer.resent
        tally.cuts += answer.cut
        tally.good[ask.name] += answer.status < 400
        if 400 <= answer.status < 500:
            tally.refusals[ask.name] = answer.told()
        if answer.status in _FAILING:
            why = f"{answer.status} {_kind(answer)}".strip()
            tally.lost[f"{ask.name}: {why}"] += 1
        return answer

    async def _send(self, ask: Ask, number: str, *, anew: bool) -> Answer:
        if ask.is_rpc:
            return await self._rpc[ask.service].send(
                ask.path,
                ask.message(number),
                token=self._token(ask.service),
                seconds=self._pace.answer_seconds,
                anew=anew,
            )
        return await self._caller.send(
            self._ports[ask.service],
            ask.head_and_body(number, self._token(ask.service)),
            repeatable=ask.is_repeatable,
            anew=anew,
        )


def _is_good(answer: Answer | None) -> bool:
    return answer is not None and 200 <= answer.status < 300


def _kind(answer: Answer) -> str:
    """Return what kind of problem a 5xx answer tells of; empty for others."""
    if answer.status not in _FAILING:
        return ""
    try:
        return str(json.loads(answer.body).get("kind", ""))
    except (ValueError, AttributeError):
        return ""


def _said(answer: Answer | None) -> Any:
    """Return what an answer says, however it is written."""
    assert answer is not None  # noqa: S101 - only good ones are compared
    try:
        return json.loads(answer.body)
    except ValueError:
        return answer.body
