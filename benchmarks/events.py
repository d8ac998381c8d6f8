"""How fast events go, from a transaction with an outbox to an effect with an inbox.

    scripts/bench-env
    eval "$(scripts/infra up)"
    venv-bench/bin/python benchmarks/events.py [--only embedded|rabbit|kafka]

Two processes, producing and consuming, each with a database of its own. Beside ours
FastStream on the same RabbitMQ and Kafka: `plain` publishes and acknowledges and
promises nothing; `by hand` writes our guarantees with SQLAlchemy, one message a
transaction. Every effect is counted in the database; a run that lost or doubled one
fails. Exits 0 with figures, 1 when a run is broken, 2 for wrong arguments.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from event_rates.job import Job
from event_rates.runs import Broken, Rates, end_to_end, publishing

AT_ONCE = 16  # tasks that publish
PREFETCH = 32  # messages FastStream handles at a time, without order
IDLE_EVENTS, IDLE_PAUSE_SECONDS = 200, 0.02
PACED_PER_SECOND, PACED_SECONDS = 200, 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark.

    Args:
        arguments: What was typed; the process's own when None.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add, given = parser.add_argument, os.environ.get
    add("--rabbit", default=given("TEST_RABBIT_URL", ""), metavar="URL")
    add("--kafka", default=given("TEST_KAFKA_URL", ""), metavar="URL")
    add("--postgres", default=given("TEST_POSTGRES_URL", ""), metavar="URL")
    add("--only", choices=("embedded", "rabbit", "kafka"))
    add("--events", type=int, default=10_000, help="a run (default: %(default)s)")
    add("--json", action="store_true", help="figures as JSON, nothing else")
    typed = parser.parse_args(arguments)
    say: Callable[[str], None] = _nothing if typed.json else _say
    figures: dict[str, dict[str, Rates]] = {}
    try:
        for name, url, postgres in _brokers(typed, say):
            figures[name] = {}
            say(f"\n{name} + {'postgres' if postgres else 'sqlite'}")
            for what, rates in _measured(url, postgres, typed.events):
                figures[name][what] = rates
                say(_row(what, rates))
            _ratios(figures[name], say)
    except Broken as error:
        sys.stderr.write(f"broken: {error}\n")
        return 1
    if typed.json:
        plain = {
            name: {what: asdict(rates) for what, rates in runs.items()}
            for name, runs in figures.items()
        }
        sys.stdout.write(json.dumps(plain, indent=2) + "\n")
    return 0


def _brokers(
    typed: argparse.Namespace, say: Callable[[str], None]
) -> Iterator[tuple[str, str, str]]:
    """Yield name, URL and database server of the brokers that are there."""
    if typed.only in (None, "embedded"):
        yield "embedded", "", ""
    for name, url in (("rabbit", typed.rabbit), ("kafka", typed.kafka)):
        if typed.only not in (None, name):
            continue
        if url and typed.postgres:
            yield name, url, typed.postgres
        else:
            say(f"\n{name}: left out, name it and PostgreSQL (`scripts/infra up`)")


def _measured(url: str, postgres: str, count: int) -> Iterator[tuple[str, Rates]]:
    """Yield what was measured, the peers only where they can run."""

    def job(at_once: int, events: int = count, pause: float = 0.0) -> Job:
        return Job("", url, "", "", "", events, at_once, pause)

    peers = bool(url)
    yield "ours", end_to_end("ours", job(AT_ONCE), postgres)
    if peers:
        yield "by hand, in order", end_to_end("by_hand", job(1), postgres)
        yield "by hand, 32 at once", end_to_end("by_hand", job(PREFETCH), postgres)
        yield "plain", end_to_end("plain", job(PREFETCH), postgres)
    pause = AT_ONCE / PACED_PER_SECOND
    paced = PACED_PER_SECOND * PACED_SECONDS
    yield "ours, paced", end_to_end("ours", job(AT_ONCE, paced, pause), postgres)
    if peers:
        yield "by hand, paced", end_to_end(
            "by_hand", job(AT_ONCE, paced, pause), postgres
        )
        yield "plain, paced", end_to_end("plain", job(AT_ONCE, paced, pause), postgres)
    idle = job(1, IDLE_EVENTS, IDLE_PAUSE_SECONDS)
    yield "ours, idle", end_to_end("ours", idle, postgres)
    if peers:
        yield "by hand, idle", end_to_end("by_hand", idle, postgres)
        yield "plain, idle", end_to_end("plain", idle, postgres)
    yield "our relay alone", publishing("ours", job(1), postgres)
    if peers:
        yield "FastStream publishing alone", publishing("plain", job(1), postgres)


def _ratios(runs: dict[str, Rates], say: Callable[[str], None]) -> None:
    for ours, theirs in (
        ("ours", "by hand, in order"),
        ("ours", "by hand, 32 at once"),
        ("ours", "plain"),
        ("our relay alone", "FastStream publishing alone"),
    ):
        if theirs in runs:
            events = runs[ours].per_second / runs[theirs].per_second
            cpu = runs[ours].cpu_us / runs[theirs].cpu_us
            say(
                f"  {ours} / {theirs}: {events:.2f} of the events, {cpu:.2f} of the CPU"
            )


def _row(what: str, rates: Rates) -> str:
    row = f"  {what:<28} {rates.per_second:>8,.0f}/s  {rates.cpu_us:>6,.0f} us CPU"
    if not rates.p50_ms:
        return row
    return f"{row}  p50 {rates.p50_ms:>8,.1f} ms  p99 {rates.p99_ms:>8,.1f} ms"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _nothing(_: str) -> None:
    """Say nothing: the figures come as JSON."""


if __name__ == "__main__":
    sys.exit(main())
