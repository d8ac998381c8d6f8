"""fleet test: the tests of libraries and services, each in its own environment."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Annotated

import typer

from fleetwright_cli._errors import DONE, NOT_COMPLIANT
from fleetwright_cli._printer import Printer, paint, table
from fleetwright_cli.fleet import discover
from fleetwright_cli.suite_report import Result, total, words
from fleetwright_cli.suite_runs import Options, SuiteRuns, ended_by_sigterm
from fleetwright_cli.suites import Suite, prepare, servers_line, suites_of


def test(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Services, libraries or `fleet`; none for all."),
    ] = None,
    *,
    coverage: Annotated[
        bool, typer.Option("--coverage/--no-coverage", help="Count the lines run.")
    ] = True,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, max=16, help="How many at once.")
    ] = 2,
    expression: Annotated[
        str | None, typer.Option("-k", help="Only tests whose name fits (pytest -k).")
    ] = None,
    deliver: Annotated[
        str | None,
        typer.Option(
            metavar="MANNERS",
            help="Run the services' tests of events again, delivered"
            " dup,reorder,delay,crash.",
        ),
    ] = None,
    deliver_seed: Annotated[
        str | None, typer.Option(metavar="SEED", help="Make the same order again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Run the tests of libraries and services.

    Examples: `fleet test`, `fleet test orders -k refund`, `fleet test --no-coverage`,
    `fleet test --deliver dup,reorder,delay,crash`.
    The last line is the summary; exit 1 when a test or the coverage fails.
    """
    printer = Printer(as_json=as_json)
    fleet = discover()
    suites = suites_of(fleet, names or list(fleet.services if deliver else ()))
    least = fleet.manifest.test.coverage_percent
    started = time.monotonic()
    with ended_by_sigterm():
        prepare(suites, printer.talk)
        printer.talk(servers_line(os.environ))
        options = Options(fleet.root, coverage, expression, deliver, deliver_seed)
        results = []
        for result in _run(suites, options, jobs, printer):
            results.append(result)
            _tell(printer, result, least)
    order = [suite.name for suite in suites]
    results.sort(key=lambda result: order.index(result.name))
    counts = total(results)
    summary = f"{words(counts)} in {time.monotonic() - started:.1f} s"
    document = {"suites": [one.facts(least) for one in results], "summary": summary}
    printer.data(document, _page(results, least, summary))
    bad = any(result.complaint(least) for result in results)
    raise typer.Exit(NOT_COMPLIANT if bad or not counts else DONE)


def _run(
    suites: Sequence[Suite], options: Options, jobs: int, printer: Printer
) -> Iterator[Result]:
    """Yield what comes out, as it comes, with a live line about what runs."""
    ended: dict[str, int] = {}
    finished: set[str] = set()

    def show(name: str, done: int) -> None:
        ended[name] = done
        now = [f"{one} {ended[one]}" for one in list(ended) if one not in finished]
        printer.status(f"{len(finished)} of {len(suites)} done; {', '.join(now)}")

    # The runs end before the pool waits for its threads, so that Ctrl-C stops at once.
    with ThreadPoolExecutor(jobs) as pool, SuiteRuns(options, show) as runs:
        for future in as_completed([pool.submit(runs.run, one) for one in suites]):
            result = future.result()
            finished.add(result.name)
            yield result


def _tell(printer: Printer, result: Result, least: float) -> None:
    """Say how one suite ended; show its whole output when it failed."""
    why = result.complaint(least)
    if why and result.exit_code != 0:
        printer.talk(result.output.rstrip())
    colour = "red" if why else "green"
    verdict = paint(why or "ok", colour, sys.stderr)
    printer.talk(f"{result.name}: {words(result.counts)} - {verdict}")
    if why and result.coverage and result.exit_code == 0:
        for line in result.coverage.worst():
            printer.talk(f"  not run: {line}")
    for line in result.output.splitlines():
        if line.startswith("SKIPPED"):
            printer.talk(f"  {line}")


def _page(results: Sequence[Result], least: float, summary: str) -> str:
    """Return the table and, as the last line, the summary."""
    rows = [
        (
            result.name,
            words(result.counts),
            f"{result.coverage.percent:.1f} %" if result.coverage else "",
            f"{result.seconds:.1f}",
            result.complaint(least) or "ok",
        )
        for result in results
    ]
    head = ("package", "tests", "coverage", "seconds", "verdict")
    return f"{table(head, rows)}\n{summary}"
