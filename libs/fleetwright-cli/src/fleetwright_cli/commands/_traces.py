"""fleet traces: what calls led to, service by service."""

import sys
import time
from contextlib import closing
from typing import Annotated, Any

import typer

from fleetwright_cli._printer import Printer, paint, table
from fleetwright_cli.console import kept
from fleetwright_cli.fleet import find_root
from fleetwright_cli.local._plan import Places

BAR = 40


def traces(
    trace: Annotated[
        str | None, typer.Argument(help="One trace, or the beginning of its id.")
    ] = None,
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only those with an error.")
    ] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Show the newest traces, or the spans of one; also after the fleet has stopped.

    Examples: `fleet traces`, `fleet traces --failed --json`, `fleet traces 4bf92f35`.
    """
    printer = Printer(as_json=as_json)
    with closing(kept.reading(kept.database(Places(find_root())))) as on:
        if trace is not None:
            spans = kept.spans(on, trace)
            printer.data({"spans": spans}, _waterfall(spans))
            return
        found = kept.traces(on, failed=failed, limit=limit)
    rows = [
        (
            time.strftime("%H:%M:%S", time.localtime(it["at"])),
            it["id"],
            it["service"] or "?",
            it["name"] or "?",
            str(it["spans"]),
            paint(str(it["errors"]), "red") if it["errors"] else "0",
            f"{it['duration_ms']:g} ms",
        )
        for it in found
    ]
    head = ("TIME", "TRACE", "SERVICE", "NAME", "SPANS", "ERRORS", "TOOK")
    printer.data({"traces": found}, table(head, rows) if rows else "no trace is kept")


def _waterfall(spans: list[dict[str, Any]]) -> str:
    """Return the spans as a tree with a bar each."""
    depth: dict[str, int] = {}
    length = max((it["after_ms"] + it["duration_ms"] for it in spans), default=1) or 1
    rows = []
    for it in spans:
        depth[it["id"]] = depth.get(it["parent"] or "", -1) + 1
        start = round(BAR * it["after_ms"] / length)
        width = max(1, round(BAR * it["duration_ms"] / length))
        bar = " " * start + "█" * min(width, BAR + 1 - start)
        name = f"{'  ' * min(depth[it['id']], 12)}{it['service']} {it['name']}"
        took = f"{it['duration_ms']:g} ms{' failed' if it['failed'] else ''}"
        colour = "red" if it["failed"] else "cyan"
        rows.append((name, paint(took, colour, sys.stdout), bar))
    return table(("SPAN", "TOOK", ""), rows)
