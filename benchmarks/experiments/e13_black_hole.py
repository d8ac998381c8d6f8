"""A provider that is not there: nothing answers, not even a refusal.

Two ways: a port whose queue is full, so that the kernel drops every SYN (as DROP in a
firewall does), and one where connections are made and never answered.
"""

import asyncio
import socket
from contextlib import ExitStack

from experiments.calling import Called, close, leaf_at, sockets, sockets_down_to, timed
from experiments.lab import Lab, LoopLag
from fleetwright.resilience import Pipeline, Retry, Timeout

MUTANTS = ("leaks_the_exchange", "ends_late")
TOTAL_SECONDS = 0.8
CALLS = 40
SLACK_SECONDS = 0.05


async def run(lab: Lab) -> None:
    """Call both black holes and hold the end of each call to its limit."""
    with ExitStack() as stack:
        for name, backlog in (("no connection", 0), ("no answer", 128)):
            hole = stack.enter_context(socket.socket())
            hole.bind(("127.0.0.1", 0))
            hole.listen(backlog)
            if backlog == 0:
                _fill(hole, stack)
            await _calls(lab, name, hole.getsockname()[1])


def _fill(hole: socket.socket, stack: ExitStack) -> None:
    """Fill the queue of a socket: from then on SYNs are dropped."""
    for _ in range(4):
        one = stack.enter_context(socket.socket())
        one.setblocking(False)
        one.connect_ex(hole.getsockname())


async def _calls(lab: Lab, name: str, port: int) -> None:
    pipeline = Pipeline("leaf", Timeout(TOTAL_SECONDS), Retry(), Timeout(0.7))
    client = leaf_at(f"http://127.0.0.1:{port}", pipeline)
    baseline = sockets()
    async with LoopLag() as lag:
        made: list[Called] = list(
            await asyncio.gather(*(timed(client.thing) for _ in range(CALLS)))
        )
    for one in made:
        lab.history.note(hole=name, outcome=one.outcome, seconds=one.seconds)
    longest = max(one.seconds for one in made)
    limit = TOTAL_SECONDS + SLACK_SECONDS + lag.worst_seconds
    lab.check(
        f"{name}: calls end by total + 50 ms + lag of this machine",
        f"{longest:.3f} s (at most {limit:.3f} s)",
        longest <= limit,
    )
    answered = sum(one.outcome == "ok" for one in made)
    lab.check(f"{name}: no call succeeds", answered, answered == 0)
    left = await sockets_down_to(baseline, 1.0)
    lab.check(
        f"{name}: sockets are back at the baseline",
        f"{left} ({baseline})",
        left <= baseline,
    )
    await close(client)
