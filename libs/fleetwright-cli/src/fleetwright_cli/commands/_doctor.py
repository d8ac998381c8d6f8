"""fleet doctor: what is missing on this machine, with the mend."""

import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Annotated, Any

import typer

from fleetwright_cli._errors import DONE, NOT_COMPLIANT, FleetError
from fleetwright_cli._printer import Printer, paint, table
from fleetwright_cli.fleet import Fleet, discover
from fleetwright_cli.local._backing import backing
from fleetwright_cli.local._control import ask
from fleetwright_cli.local._plan import Places, wanted_ports
from fleetwright_cli.local._ports import holders, in_use
from fleetwright_cli.machine import Finding, look

COLOURS = {"ok": "green", "absent": "yellow", "missing": "red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Say what is missing on this machine, each with its mend.

    Example: `fleet doctor`. Exit 1 when something is missing that every command needs.
    """
    fleet = discover()
    findings = [*look(fleet), ports(fleet), *servers(fleet)]
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


def ports(fleet: Fleet) -> Finding:
    """Return whether the processes of `fleet up` can listen where they are to.

    Args:
        fleet: The fleet that is to run here; where it runs already, its own processes
            are in nobody's way.
    """
    wanted = wanted_ports(fleet)
    used = in_use(wanted)
    own = _listened_on(ask(Places(fleet.root).run, "ps") or {"services": []})
    others = {name: port for name, port in used.items() if port not in own}
    if others:
        hint = "stop that program, or set another `first_port` under [up] in fleet.toml"
        return Finding("ports", "absent", f"in use: {holders(others)}", hint)
    if used:
        detail = f"in use by this fleet, which runs: {_spans(used.values())}"
    else:
        detail = f"free: {_spans(wanted.values()) or 'none is needed'}"
    return Finding("ports", "ok", detail)


def _listened_on(report: dict[str, Any]) -> set[int]:
    """Return the ports of processes that run, from what the supervisor says."""
    urls = [
        str(url)
        for facts in report["services"]
        if facts["pid"] is not None
        for url in (facts["url"], facts["grpc_url"])
        if url is not None
    ]
    return {int(url.rpartition(":")[2]) for url in urls}


def _spans(numbers: Iterable[int]) -> str:
    """Return `8000 to 8006, 8009`."""
    spans = []
    for _, run in groupby(enumerate(sorted(numbers)), key=lambda one: one[1] - one[0]):
        each = [number for _, number in run]
        spans.append(f"{each[0]} to {each[-1]}" if each[1:] else f"{each[0]}")
    return ", ".join(spans)


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
