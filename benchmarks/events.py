"""How fast events go, from a transaction with an outbox to an effect with an inbox.

Two processes, producing and consuming, each with a database of its own. Beside ours
FastStream on the same RabbitMQ and Kafka: `plain` publishes and acknowledges and
promises nothing; `by hand` writes our guarantees with SQLAlchemy, the same statements
in the same transactions. Every effect is counted in the database, and its order looked
at: a run that lost, doubled or overtook one is broken. Ratios are printed with what is
demanded of them; a budget that is missed changes no exit code.

Exits 0 with figures, 1 when a run is broken, 2 for wrong arguments.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from fnmatch import fnmatch
from typing import Any

from event_rates.budgets import verdicts
from event_rates.plan import Run, plan
from event_rates.processes import Broken
from event_rates.runs import Rates

EXAMPLES = """examples:
  scripts/bench-env                       what it is measured against
  eval "$(scripts/infra up)"              RabbitMQ, Kafka and PostgreSQL
  venv-bench/bin/python benchmarks/events.py
  venv-bench/bin/python benchmarks/events.py --only rabbit --runs ours "*in order"
  venv-bench/bin/python benchmarks/events.py --events 20000 --json > rates.json
  venv/bin/python benchmarks/events.py --only embedded    needs neither
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark.

    Args:
        arguments: What was typed; the process's own when None.

    Returns:
        The exit code.
    """
    typed = _parser().parse_args(arguments)
    say: Callable[[str], None] = _nothing if typed.json else _say
    told: dict[str, Any] = {}
    broken = 0
    for name, url, postgres in _brokers(typed):
        database = "postgres" if postgres else "sqlite"
        say(f"\n{name} + {database}")
        figures: dict[str, Rates] = {}
        reasons: dict[str, str] = {}
        runs = [run for run in plan(url, typed.events) if _is_asked(run, typed.runs)]
        for number, run in enumerate(runs, 1):
            _progress(f"{name} {number}/{len(runs)}: {run.name}")
            try:
                figures[run.name] = run.rates(postgres)
            except Broken as error:
                reasons[run.name] = str(error)
                sys.stderr.write(f"broken: {run.name}: {error}\n")
            else:
                say(_row(run.name, figures[run.name]))
        found = list(verdicts(name, figures))
        for verdict in found:
            say(f"  {verdict}")
        broken += len(reasons)
        told[name] = {
            "database": database,
            "runs": {what: asdict(rates) for what, rates in figures.items()},
            "broken": reasons,
            "budgets": [asdict(verdict) for verdict in found],
        }
    if typed.json:
        answer = {"events": typed.events, "brokers": told}
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    return 1 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    for server in ("rabbit", "kafka", "postgres"):
        variable = f"TEST_{server.upper()}_URL"
        given = os.environ.get(variable, "")
        add(f"--{server}", default=given, metavar="URL", help=f"default: ${variable}")
    add(
        "--only", choices=("embedded", "rabbit", "kafka"), help="default: all there are"
    )
    add(
        "--events",
        type=_count,
        default=3000,
        metavar="N",
        help="of a run at full speed (default: %(default)s)",
    )
    add("--runs", nargs="+", metavar="NAME", help="only these; * is any text")
    add("--json", action="store_true", help="figures as JSON, nothing else")
    return parser


def _count(typed: str) -> int:
    count = int(typed)
    if count < 1:
        raise argparse.ArgumentTypeError("at least one event")
    return count


def _brokers(typed: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """Yield name, URL and database server of the brokers that are there."""
    if typed.only in (None, "embedded"):
        yield "embedded", "", ""
    for name, url in (("rabbit", typed.rabbit), ("kafka", typed.kafka)):
        if typed.only not in (None, name):
            continue
        if url and typed.postgres:
            yield name, url, typed.postgres
        else:
            _progress(f"{name}: left out, name it and PostgreSQL (`scripts/infra up`)")


def _is_asked(run: Run, words: Sequence[str] | None) -> bool:
    return words is None or any(fnmatch(run.name, word) for word in words)


def _row(what: str, rates: Rates) -> str:
    row = f"  {what:<28} {rates.per_second:>8,.0f}/s  {rates.cpu_us:>6,.0f} us CPU"
    if rates.p50_ms is None or rates.p99_ms is None or rates.heard_cpu_us is None:
        return row
    made = rates.cpu_us - rates.heard_cpu_us
    return (
        f"{row} ({made:,.0f} + {rates.heard_cpu_us:,.0f})"
        f"  p50 {rates.p50_ms:,.1f} ms  p99 {rates.p99_ms:,.1f} ms"
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _progress(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _nothing(_: str) -> None:
    """Say nothing: the figures come as JSON."""


if __name__ == "__main__":
    sys.exit(main())
