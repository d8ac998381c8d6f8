"""What a service is worth when it is asked for more than it can do.

    venv/bin/python benchmarks/overload.py [--seconds 8] [--loads 1 2 5 10] [--json]

One route (4 ms of CPU, 20 ms of waiting) on Fleetwright and on plain FastAPI with
uvicorn, one core each for service and load. Goodput is what is answered within the
client's 500 ms. Exits 1 unless ours at the highest load keeps 90 % of its goodput at
the first one, with a 99th percentile below 250 ms.
"""

import argparse
import json
import os
import sys

from open_load import Outcome, Plan, send
from pinned import running

APP = '''
"""The service under load."""

import asyncio
import time

from fastapi import FastAPI

from fleetwright import Service, Settings
from fleetwright.fastapi import mount


def routes(app):
    @app.get("/")
    async def work() -> str:
        until = time.thread_time() + 0.004
        while time.thread_time() < until:
            pass
        await asyncio.sleep(0.02)
        return "done"

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
KEPT_SHARE = 0.9
P99_MS = 250.0


def main() -> int:
    """Measure both, print the table, judge ours.

    Returns:
        The exit code.
    """
    wanted = _parser().parse_args()
    cores = sorted(os.sched_getaffinity(0))
    capacity = 0.0
    found: dict[str, list[Outcome]] = {}
    for name, command in (("fleetwright", OURS), ("plain", PLAIN)):
        with running(command, APP, core=cores[0]) as service:
            capacity = capacity or _capacity(service.port, cores[-1])
            plans = [
                Plan(service.port, load * capacity, wanted.seconds, core=cores[-1])
                for load in wanted.loads
            ]
            found[name] = send(plans)
    if wanted.json:
        print(json.dumps(_document(capacity, wanted.loads, found), indent=2))
    else:
        _print(capacity, wanted.loads, found)
    first, last = found["fleetwright"][0], found["fleetwright"][-1]
    kept = last.good_rate / (first.good_rate or 1.0)
    slow = last.latency_ms(0.99)
    passed = kept >= KEPT_SHARE and slow < P99_MS
    print(
        f"{'PASS' if passed else 'FAIL'}  {kept:.0%} of the goodput kept (at least"
        f" {KEPT_SHARE:.0%}), p99 {slow:.0f} ms (below {P99_MS:.0f})",
        file=sys.stderr,
    )
    return 0 if passed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=8.0, help="for each load")
    parser.add_argument("--loads", type=float, nargs="+", default=[1, 2, 5, 10])
    parser.add_argument("--json", action="store_true", help="print a document")
    return parser


def _capacity(port: int, core: int) -> float:
    """Return how many answers a second it gives when it is asked for too many."""
    warm, full = send(
        [Plan(port, 100, 2, core=core), Plan(port, 600, 4, core=core)],
    )
    assert warm.good, "nothing was answered"
    return full.good_rate


def _print(
    capacity: float, loads: list[float], found: dict[str, list[Outcome]]
) -> None:
    print(f"capacity {capacity:.0f} answers a second")
    print(f"{'load':>5} {'offered/s':>9}  ", end="")
    for name in found:
        print(f"{name:>12}: good/s   p50   p99 shed/s late/s  ", end="")
    print()
    for number, load in enumerate(loads):
        print(f"{load:>4g}x {load * capacity:>9.0f}  ", end="")
        for outcomes in found.values():
            one = outcomes[number]
            late = sum(one.others[how] for how in ("late", "unsent", "lost"))
            print(
                f"{'':>12}  {one.good_rate:>6.0f} {one.latency_ms(0.5):>5.0f}"
                f" {one.latency_ms(0.99):>5.0f} {one.others['503'] / one.seconds:>6.0f}"
                f" {late / one.seconds:>6.0f}  ",
                end="",
            )
        print()


def _document(
    capacity: float, loads: list[float], found: dict[str, list[Outcome]]
) -> dict[str, object]:
    return {
        "capacity_per_second": round(capacity, 1),
        "loads": loads,
        **{
            name: [
                {
                    "offered": one.offered,
                    "good_per_second": round(one.good_rate, 1),
                    "p50_ms": round(one.latency_ms(0.5), 1),
                    "p99_ms": round(one.latency_ms(0.99), 1),
                    "others": dict(one.others),
                    "generator_lag_ms": round(one.lag_seconds * 1000, 1),
                }
                for one in outcomes
            ]
            for name, outcomes in found.items()
        },
    }


if __name__ == "__main__":
    sys.exit(main())
