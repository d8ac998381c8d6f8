"""fleet doctor: what is missing on this machine, with the mend."""

from typing import Annotated

import typer

from fleetwright_cli._errors import DONE, NOT_COMPLIANT
from fleetwright_cli._printer import Printer, paint, table
from fleetwright_cli.fleet import discover
from fleetwright_cli.machine import look

COLOURS = {"ok": "green", "absent": "yellow", "missing": "red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Say what is missing on this machine, each with its mend.

    Example: `fleet doctor`. Exit 1 when something is missing that every command needs.
    """
    findings = look(discover())
    rows = [
        (one.name, paint(one.state, COLOURS[one.state]), one.detail) for one in findings
    ]
    text = table(("what", "state", "found"), rows)
    for one in findings:
        if one.hint:
            text += f"\nhint: {one.name}: {one.hint}"
    Printer(as_json=as_json).data({"findings": [one.facts() for one in findings]}, text)
    missing = any(one.state == "missing" for one in findings)
    raise typer.Exit(NOT_COMPLIANT if missing else DONE)
