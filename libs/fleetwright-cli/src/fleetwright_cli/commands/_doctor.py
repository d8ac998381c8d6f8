"""fleet doctor: what is missing on this machine, with the mend."""

import os
from collections.abc import Iterator
from typing import Annotated

import typer

from fleetwright_cli._errors import DONE, NOT_COMPLIANT, FleetError
from fleetwright_cli._printer import Printer, paint, table
from fleetwright_cli.fleet import Fleet, discover
from fleetwright_cli.local._backing import backing
from fleetwright_cli.local._plan import Places
from fleetwright_cli.machine import Finding, look

COLOURS = {"ok": "green", "absent": "yellow", "missing": "red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Say what is missing on this machine, each with its mend.

    Example: `fleet doctor`. Exit 1 when something is missing that every command needs.
    """
    fleet = discover()
    findings = [*look(fleet), *servers(fleet)]
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


def servers(fleet: Fleet) -> Iterator[Finding]:
    """Yield which broker and databases `fleet up` would use, and what keeps it.

    Args:
        fleet: The fleet that is to run here.
    """
    try:
        used = backing(fleet, Places(fleet.root).data, os.environ)
    except FleetError as error:
        yield Finding("broker, databases", "missing", error.message, error.hint)
        return
    for name, away in used.away().items():
        hint = away.hint if away else ""
        detail = away.message if away else used.facts()[name]
        yield Finding(name, "missing" if away else "ok", detail, hint)
