"""fleet ps: what runs."""

import sys
from typing import Annotated

import typer

from fleetwright_cli._printer import Printer
from fleetwright_cli.fleet import find_root
from fleetwright_cli.local._backing import backing_line, read_backing
from fleetwright_cli.local._console import NAME as CONSOLE
from fleetwright_cli.local._console import read_console
from fleetwright_cli.local._control import ask
from fleetwright_cli.local._plan import Places
from fleetwright_cli.local._table import lasting, status_table


def ps(
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Show what runs: state, address, process id and restarts of each service.

    Examples: `fleet ps`, `fleet ps --json`.
    """
    printer = Printer(as_json=as_json)
    places = Places(find_root())
    report = ask(places.run, "ps")
    if report is None:
        printer.data({"running": False, "services": []}, "nothing runs here")
        return
    facts = read_backing(places.backing)
    lines = [status_table(report["services"], sys.stdout)]
    lines += [backing_line(facts, sys.stdout)] if facts else []
    console = read_console(places) if CONSOLE in report else None
    if console is not None:
        facts = facts | {"console": report[CONSOLE] | console.facts()}
        lines.append(f"console {report[CONSOLE]['state']}, {console.url}")
    printer.data(report | facts, "\n".join(lines))
    printer.talk(f"up for {lasting(report['seconds'])}")
