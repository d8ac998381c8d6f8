"""fleet test: the tests of libraries and services, each in its own environment."""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fleetwright_cli._errors import DONE, NOT_COMPLIANT
from fleetwright_cli._printer import Printer, paint, table
from fleetwright_cli.fleet import Fleet, discover
from fleetwright_cli.suite_report import Result, total, words
from fleetwright_cli.suite_runs import Options, SuiteRuns, ended_by_sigterm
from fleetwright_cli.suites import Suite, prepare, servers_line, suites_of

if TYPE_CHECKING:
    from fleetwright_cli.affected import Affected, Passes

Matrix = Literal["json", "services"]


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
    affected: Annotated[
        bool, typer.Option("--affected", help="Only tests that can tell a change.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(metavar="COMMIT", help="What --affected compares with."),
    ] = None,
    cache: Annotated[
        bool,
        typer.Option("--cache/--no-cache", help="Leave out what passed unchanged."),
    ] = True,
    matrix: Annotated[
        Matrix | None, typer.Option(help="Run nothing: say what a pipeline runs.")
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

    Examples: `fleet test`, `fleet test orders -k refund`, `fleet test --affected`,
    `fleet test --affected --since HEAD~1`, `fleet test --no-cache`,
    `fleet test --affected --matrix json`, `fleet test --deliver dup,reorder,crash`.
    The last line is the summary; exit 1 when a test or the coverage fails. What passed
    with the same files, locks, Python and environment is not run again.
    """
    printer = Printer(as_json=as_json)
    fleet = discover()
    suites = suites_of(fleet, names or list(fleet.services if deliver else ()))
    found = _affected(fleet, since, printer) if affected or since else None
    if found is not None:
        suites = found.narrow(suites, fleet.root)
        for line in found.words(one.name for one in suites):
            printer.talk(line)
    if matrix is not None:
        _write_matrix(fleet, suites, matrix)
        return
    options = Options(fleet.root, coverage, expression, deliver, deliver_seed)
    least = fleet.manifest.test.coverage_percent
    started = time.monotonic()
    before = _before(fleet, suites, options, cache=cache)
    results = list(before.results)
    with ended_by_sigterm():
        for result in results:
            _tell(printer, result, least)
        if before.left:
            prepare(before.left, printer.talk)
            printer.talk(servers_line(os.environ))
        for result in _run(before.left, options, jobs, printer):
            results.append(result)
            before.note(result, least)
            _tell(printer, result, least)
    order = [suite.name for suite in suites]
    results.sort(key=lambda result: order.index(result.name))
    summary = _summary(results, time.monotonic() - started)
    document: dict[str, object] = {"affected": found.facts()} if found else {}
    document |= {"suites": [one.facts(least) for one in results], "summary": summary}
    printer.data(document, _page(results, least, summary))
    bad = any(result.complaint(least) for result in results)
    none = not total(results) and not (found and not suites)
    raise typer.Exit(NOT_COMPLIANT if bad or none else DONE)


@dataclass(slots=True)
class _Before:
    """What need not run again, and what must.

    Attributes:
        left: The suites that are to run.
        results: What came out of the others when they ran with the same inputs.
    """

    left: Sequence[Suite]
    results: list[Result] = field(default_factory=list)
    _passes: "Passes | None" = None
    _digests: dict[str, str] = field(default_factory=dict)

    def note(self, result: Result, least: float) -> None:
        """Keep what came out, so that the next run need not wait for it."""
        if self._passes is not None:
            self._passes.note(result, self._digests[result.name], least)


def _before(
    fleet: Fleet, suites: Sequence[Suite], options: Options, *, cache: bool
) -> _Before:
    """Return which suites passed before with the same inputs."""
    from fleetwright_cli.affected import Inputs, Passes
    from fleetwright_cli.standard import open_repository

    # What is delivered in another order each time has no inputs to know it by.
    if options.is_part or not suites:
        return _Before(suites)
    repository = open_repository(fleet.root)
    if repository.cache is None:
        return _Before(suites)  # a cache that came with the repository
    inputs, passes = Inputs(repository, os.environ), Passes(fleet.root)
    least = fleet.manifest.test.coverage_percent
    digests = {one.name: inputs.digest(one, options, least) for one in suites}
    repository.facts.keep()
    known = [passes.find(one.name, digests[one.name]) for one in suites if cache]
    results = [one for one in known if one is not None]
    done = {one.name for one in results}
    left = [one for one in suites if one.name not in done]
    return _Before(left, results, passes, digests)


def _affected(fleet: Fleet, since: str | None, printer: Printer) -> "Affected":
    """Return whose tests can tell what changed."""
    from fleetwright_cli.affected import affected_of

    printer.status("reading what changed")
    return affected_of(fleet, since)


def _write_matrix(fleet: Fleet, suites: Sequence[Suite], form: Matrix) -> None:
    """Write what a pipeline is to run, in one line of JSON."""
    from fleetwright_cli.affected import matrix_of

    services = [one.name for one in suites if one.name in fleet.services]
    document = matrix_of(fleet, suites) if form == "json" else services
    sys.stdout.write(json.dumps(document) + "\n")


def _summary(results: Sequence[Result], seconds: float) -> str:
    """Return the last line: the words of pytest over all suites."""
    said = f"{words(total(results))} in {seconds:.1f} s"
    before = total(one for one in results if one.passed_before)
    return f"{said} ({words(before)} before, unchanged)" if before else said


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
    verdict = paint(why or _good(result), colour, sys.stderr)
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
            result.complaint(least) or _good(result),
        )
        for result in results
    ]
    head = ("package", "tests", "coverage", "seconds", "verdict")
    return f"{table(head, rows)}\n{summary}"


def _good(result: Result) -> str:
    """Return what is said of a suite that nothing is wrong with."""
    if result.passed_before:
        return f"passed before ({result.passed_before})"
    return "ok"
