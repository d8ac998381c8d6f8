"""What a call out costs: our client beside bare transports and the usual stack.

venv-bench/bin/python benchmarks/outbound.py            all peers
venv-bench/bin/python benchmarks/outbound.py --checks   transports in trouble

CPU of this process for one small JSON answer over keep-alive, 1 and 32 at a time. The
rounds of all peers take turns, so that what disturbs one disturbs all; ratios are of
medians. Peers come from benchmarks/requirements.txt (`scripts/bench-env`); those that
are missing are said.
"""

import argparse
import asyncio
import contextlib
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import uvloop

from outbound_peers import PEERS, checks, server

Call = Callable[[], Awaitable[object]]
BARE = "aiohttp"


async def cpu_microseconds(call: Call, calls: int, at_once: int) -> float:
    """Return the CPU of this process for one call.

    Args:
        call: Makes one call.
        calls: How many are made.
        at_once: How many at a time.
    """

    async def some() -> None:
        for _ in range(calls // at_once):
            await call()

    began = time.process_time()
    await asyncio.gather(*(some() for _ in range(at_once)))
    return (time.process_time() - began) / calls * 1e6


async def measured(calls: dict[str, Call], arguments: argparse.Namespace) -> None:
    """Print what the peers cost, and the ratios to the bare transport.

    Args:
        calls: The peers.
        arguments: How many rounds and calls.
    """
    for call in calls.values():
        await call()
    for at_once in (1, 32):
        found: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(arguments.rounds):
            for name, call in calls.items():
                cost = await cpu_microseconds(call, arguments.calls, at_once)
                found[name].append(cost)
        bare = statistics.median(found[BARE])
        print(f"\n{at_once} at a time, {arguments.rounds} rounds of {arguments.calls}")
        for name, costs in found.items():
            cost = statistics.median(costs)
            spread = f"{min(costs):.0f} to {max(costs):.0f}"
            print(f"  {name:34} {cost:7.1f} us  ({spread:>12})  {cost / bare:5.2f}")


async def measure(arguments: argparse.Namespace, url: str) -> None:
    """Open the peers that are installed and measure them.

    Args:
        arguments: Of the command line.
        url: Where the answer is.
    """
    async with AsyncExitStack() as stack:
        calls = {}
        for name, (needs, opened) in PEERS.items():
            missing = [one for one in needs if importlib.util.find_spec(one) is None]
            if missing:
                print(f"not measured: {name} needs {', '.join(missing)}")
                continue
            calls[name] = await stack.enter_async_context(opened(url))
        await measured(calls, arguments)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=1280)
    parser.add_argument("--port", type=int, default=21290)
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--checks", action="store_true")
    arguments = parser.parse_args()
    run = uvloop.run if arguments.loop == "uvloop" else asyncio.run
    if arguments.checks:
        asyncio.run(checks.all_checks())  # uvloop raises where a peer is gone
        return
    words = [sys.executable, server.__file__, str(arguments.port)]
    serving = subprocess.Popen(words, stdout=subprocess.PIPE)
    try:
        assert serving.stdout is not None
        serving.stdout.readline()
        url = f"http://127.0.0.1:{arguments.port}/v1/products/71053"
        with contextlib.suppress(KeyboardInterrupt):
            run(measure(arguments, url))
    finally:
        serving.kill()
        serving.wait()


if __name__ == "__main__":
    main()
