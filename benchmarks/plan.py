"""What `fleet plan` reckons, beside what is measured at other rates of requests.

The fleet runs apart. What it uses idle and at the lowest rates is gone by; the highest
ones are reckoned from that, measured, and held against each other: CPU, memory,
connections and bytes of each service, calls and events, and what the broker takes in.
All rates are gone through in turn, several times, and the medians count, so that other
work of the machine hits all of them alike. CPU is time of user and system of a process
and its children, from /proc.

Exits 0 when all of it is within 25 %, 1 when something is not, 2 for wrong arguments.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fleetwright_cli.capacity import (
    Check,
    Wish,
    askable,
    checked,
    costs_of,
    measure,
    told_checks,
    told_costs,
)
from fleetwright_cli.drills import bootable
from fleetwright_cli.fleet import discover
from fleetwright_cli.venvs import make, venv_of

EXAMPLES = """examples:
  venv/bin/python benchmarks/plan.py                    the whole shop
  venv/bin/python benchmarks/plan.py orders payments
  venv/bin/python benchmarks/plan.py --rates 8 16 32 48 --by 2 --rounds 5
  venv/bin/python benchmarks/plan.py --json > plan.json
  eval "$(scripts/infra up)"; venv/bin/python benchmarks/plan.py --commits
                                                        what one PostgreSQL writes
"""
COMMITS_SECONDS = 5.0
_TABLES = """
drop table if exists plan_effect;
drop table if exists plan_seen;
create table plan_effect(id bigserial primary key, body text not null);
create table plan_seen(id text primary key, at double precision not null);
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print.

    Args:
        arguments: Of the command line; those of the process when None.

    Returns:
        The exit code.
    """
    chosen = _chosen(arguments)
    if chosen.commits:
        for sessions in (1, 4, 16, 32):
            rate = asyncio.run(commits(chosen.commits, sessions))
            print(f"{sessions:3} sessions: {rate:,.0f} transactions a second")
        return 0
    fleet = discover(Path(__file__).parents[1])
    asked = askable(fleet, chosen.services)
    venvs = {one.name: venv_of(fleet, one) for one in bootable(fleet)}
    for venv in venvs.values():
        make(venv, _talk)
    windows = measure(
        fleet,
        Wish(asked, chosen.rates, chosen.seconds, chosen.rounds),
        {name: one.python for name, one in venvs.items()},
        tell=_talk,
    )
    # No load is the first of them, and always gone by.
    by, others = windows[: chosen.by + 1], windows[chosen.by + 1 :]
    costs = costs_of([one.name for one in asked], by)
    checks = [checked(costs, one) for one in others]
    if chosen.json:
        print(json.dumps(_document(asdict(costs), checks), indent=2))
    else:
        print("\n".join(told_costs(costs)))
        for window, found in zip(others, checks, strict=True):
            print("\n".join(told_checks(found)))
            print(f"lost: {window.lost}")
    return int(not all(one.is_close for found in checks for one in found))


async def commits(url: str, sessions: int) -> float:
    """Return transactions a second that a PostgreSQL writes: an inbox row, an effect.

    Args:
        url: Of the database; two tables are made in it and taken away.
        sessions: How many write at a time.
    """
    import asyncpg

    address = url.replace("postgresql+asyncpg", "postgresql")
    first = await asyncpg.connect(address)
    await first.execute(_TABLES)
    done = 0

    async def write(number: int) -> None:
        nonlocal done
        connection = await asyncpg.connect(address)
        count = 0
        while time.monotonic() < until:
            async with connection.transaction():
                name, now = f"{number}-{count}", time.time()
                await connection.execute(
                    "insert into plan_seen values($1, $2)", name, now
                )
                await connection.execute(
                    "insert into plan_effect(body) values($1)", "x" * 300
                )
            count += 1
        done += count
        await connection.close()

    until = time.monotonic() + COMMITS_SECONDS
    await asyncio.gather(*(write(number) for number in range(sessions)))
    await first.execute("drop table plan_seen, plan_effect")
    await first.close()
    return done / COMMITS_SECONDS


def _document(costs: dict[str, Any], checks: list[list[Check]]) -> dict[str, Any]:
    found = [
        asdict(one) | {"error": round(one.error, 3), "counts": one.counts}
        for those in checks
        for one in those
    ]
    return {"costs": costs, "checks": found}


def _chosen(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("services", nargs="*", help="who is asked; all by default")
    parser.add_argument(
        "--rates", type=float, nargs="+", default=[8, 16, 32, 48], help="growing"
    )
    parser.add_argument("--by", type=int, default=2, help="how many are gone by")
    parser.add_argument("--seconds", type=float, default=5.0, help="each of them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--commits",
        nargs="?",
        const=os.environ.get("TEST_POSTGRES_URL", ""),
        metavar="URL",
        help="measure what one PostgreSQL writes, and nothing else",
    )
    chosen = parser.parse_args(arguments)
    rates = chosen.rates
    if sorted(set(rates)) != rates or rates[0] <= 0 or not 1 <= chosen.by < len(rates):
        parser.error("rates must grow, and some must be left to check: --by")
    if chosen.commits == "":
        parser.error("--commits needs the URL of a PostgreSQL")
    return chosen


def _talk(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
