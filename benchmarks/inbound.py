"""What Fleetwright costs a request that comes in, against plain FastAPI.

    venv/bin/python benchmarks/inbound.py [--rounds 5] [--seconds 2]

The same route on both, one core for the service; CPU of the whole server process for
one request, four callers, log lines written. Rounds alternate; medians count, and
their ratio, because the machine is never quiet. Exits 1 above 1.25.
"""

import argparse
import asyncio
import os
import statistics
import sys

from fleetwright_cli.local._cost import measure
from pinned import Running, running

APP = '''
"""The service that is asked."""

from fastapi import FastAPI
from pydantic import BaseModel

from fleetwright import Service, Settings
from fleetwright.fastapi import mount


class Quote(BaseModel):
    """A small answer."""

    sku: str
    price_cents: int


def routes(app):
    @app.get("/v1/quotes/{sku}")
    async def quote(sku: str) -> Quote:
        return Quote(sku=sku, price_cents=1299)

    return app


def create_app():
    return mount(routes(FastAPI()), Service("busy", Settings.load()))


plain = routes(FastAPI())
'''
OURS = ("-m", "fleetwright.serve", "busy:create_app")
PLAIN = (
    *("-m", "uvicorn", "busy:plain", "--http", "httptools", "--loop", "uvloop"),
    *("--no-access-log", "--log-level", "warning"),
)
PATH = "/v1/quotes/tea"
BUDGET = 1.25


def main() -> int:
    """Measure both, print both, judge the ratio.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each round")
    wanted = parser.parse_args()
    core = min(os.sched_getaffinity(0))
    with (
        running(OURS, APP, core=core, log_level="INFO") as ours,
        running(PLAIN, APP, core=core) as plain,
    ):
        found = asyncio.run(_rounds((ours, plain), wanted.rounds, wanted.seconds))
    mine, theirs = (statistics.median(one) for one in found)
    ratio = mine / theirs
    print(f"fleetwright {mine * 1e6:6.0f} us of CPU a request")
    print(f"plain       {theirs * 1e6:6.0f} us")
    print(f"{'PASS' if ratio <= BUDGET else 'FAIL'}  {ratio:.2f} (at most {BUDGET})")
    return 0 if ratio <= BUDGET else 1


async def _rounds(
    services: tuple[Running, ...], rounds: int, seconds: float
) -> list[list[float]]:
    found: list[list[float]] = [[] for _ in services]
    for _ in range(rounds):
        for costs, one in zip(found, services, strict=True):
            cost = await measure(one.port, one.pid, PATH, seconds=seconds)
            assert set(cost.answers) == {200}, cost.answers
            costs.append(cost.cpu_seconds)
    return found


if __name__ == "__main__":
    sys.exit(main())
