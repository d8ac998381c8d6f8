"""fleet test: the tests of libraries and services, each in its own environment."""

import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Annotated

import typer

from fleetwright_cli._errors import DONE, NOT_COMPLIANT
from fleetwright_cli._printer import Printer, paint, table
from fleetwright_cli.fleet import discover
from fleetwright_cli.testing import Result, prepare, run_suite, suites_of


def test(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Services, libraries or `fleet`; none for all."),
    ] = None,
    coverage: Annotated[
        bool, typer.Option("--coverage/--no-coverage", help="Count the lines run.")
    ] = True,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, max=16, help="How many at once.")
    ] = 2,
    expression: Annotated[
        str | None, typer.Option("-k", help="Only tests whose name fits (pytest -k).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Run the tests of libraries and services.

    Examples: `fleet test`, `fleet test orders -k refund`, `fleet test --no-coverage`.
    The last line is the summary; exit 1 when a test or the coverage fails.
    """
    printer = Printer(as_json=as_json)
    fleet = discover()
    suites = suites_of(fleet, names or ())
    prepare(fleet, suites, printer.talk)
    counting = coverage and expression is None
    extra = ["-k", expression] if expression else []
    least = fleet.manifest.test.coverage_percent
    results: list[Result] = []
    with ThreadPoolExecutor(jobs) as pool:
        running = [
            pool.submit(run_suite, one, root=fleet.root, coverage=counting, extra=extra)
            for one in suites
        ]
        for done in as_completed(running):
            result = done.result()
            results.append(result)
            _tell(printer, result, least)
    results.sort(key=lambda result: [one.name for one in suites].index(result.name))
    bad = [result for result in results if result.complaint(least)]
    rows = [_row(result, least) for result in results]
    head = ("package", "tests", "coverage", "seconds", "verdict")
    summary = _summary(results)
    document = {"suites": [_facts(one, least) for one in results], "summary": summary}
    printer.data(document, f"{table(head, rows)}\n{summary}")
    raise typer.Exit(NOT_COMPLIANT if bad or not results else DONE)


def _tell(printer: Printer, result: Result, least: float) -> None:
    """Say how one suite ended; show its whole output when it failed."""
    why = result.complaint(least)
    if why:
        printer.talk(result.output)
    verdict = paint(why, "red", sys.stderr) if why else paint("ok", "green", sys.stderr)
    printer.talk(f"{result.name}: {_words(result.counts)} - {verdict}")
    for line in result.output.splitlines():
        if line.startswith("SKIPPED"):
            printer.talk(f"  {line}")


def _words(counts: dict[str, int]) -> str:
    """Return counts as pytest says them."""
    return (
        ", ".join(f"{number} {word}" for word, number in counts.items()) or "no tests"
    )


def _row(result: Result, least: float) -> tuple[str, str, str, str, str]:
    """Return the cells of one suite."""
    covered = result.coverage_percent
    return (
        result.name,
        _words(result.counts),
        "" if covered is None else f"{covered:g} %",
        f"{result.seconds:.1f}",
        result.complaint(least) or "ok",
    )


def _facts(result: Result, least: float) -> dict[str, object]:
    """Return one suite as JSON-ready values."""
    return {
        "name": result.name,
        "counts": result.counts,
        "seconds": round(result.seconds, 1),
        "coverage_percent": result.coverage_percent,
        "complaint": result.complaint(least),
    }


def _summary(results: list[Result]) -> str:
    """Return all counts together, in the words of pytest."""
    total: dict[str, int] = {}
    for result in results:
        for word, number in result.counts.items():
            total[word] = total.get(word, 0) + number
    order = ("failed", "passed", "skipped", "error", "deselected", "xfailed", "xpassed")
    counts = {word: total[word] for word in order if word in total}
    return f"{_words(counts)} in {sum(result.seconds for result in results):.1f} s"
