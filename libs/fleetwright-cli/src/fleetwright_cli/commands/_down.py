"""fleet down: drain and stop the fleet."""

import sys
from typing import Annotated

import typer

from fleetwright_cli._errors import NOT_COMPLIANT
from fleetwright_cli._printer import Printer, paint, table
from fleetwright_cli.fleet import find_root
from fleetwright_cli.local._control import ask, wait_for_none
from fleetwright_cli.local._plan import Places
from fleetwright_cli.local._table import summary_line


def down(
    *,
    docker: Annotated[
        bool, typer.Option("--docker", help="What `fleet up --docker` runs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Drain and stop the fleet; exit 1 when a service did not end with 0.

    Examples: `fleet down`, `fleet down --json`, `fleet down --docker`.
    """
    printer = Printer(as_json=as_json)
    if docker:
        from fleetwright_cli.deploy.compose._shown import down_in_containers

        raise typer.Exit(down_in_containers(printer))
    run_folder = Places(find_root()).run
    report = ask(run_folder, "down")
    if report is None:
        printer.data({"running": False, "services": []}, "nothing runs here")
        return
    wait_for_none(run_folder)
    services = report["services"]
    rows = []
    for facts in services:
        code = facts["exit_code"]
        shown = "never ran" if code is None else str(code)
        colour = "green" if code in {0, None} else "red"
        rows.append((facts["name"], paint(shown, colour), facts["reason"] or ""))
    printer.data(report, table(("SERVICE", "EXIT CODE", "REASON"), rows))
    printer.talk(summary_line(report["seconds"], services, sys.stderr))
    if any(facts["exit_code"] not in {0, None} for facts in services):
        raise typer.Exit(NOT_COMPLIANT)
