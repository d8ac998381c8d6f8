"""fleet lock: requirements.txt of every service, hashed, and what is known of it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from fleetwright_cli._errors import NOT_COMPLIANT
from fleetwright_cli._printer import Printer, paint
from fleetwright_cli.advisories import not_audited, read_advisories
from fleetwright_cli.fleet import discover
from fleetwright_cli.locks import Lock, compile_lock, locks_of, pins, require_free


def lock(
    services: Annotated[
        list[str] | None, typer.Argument(help="Services; none for the whole fleet.")
    ] = None,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 on a stale lock.")
    ] = False,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Let all pins move to newer versions.")
    ] = False,
    upgrade_package: Annotated[
        list[str] | None, typer.Option(help="Let only this package move; repeatable.")
    ] = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="Only say which pins are known to be weak.")
    ] = False,
    advisories: Annotated[
        Path | None,
        typer.Option(envvar="FLEET_ADVISORIES", help="OSV's export, zip or folder."),
    ] = None,
    excepted: Annotated[
        list[str] | None,
        typer.Option("--except", help="This advisory does not fail; repeatable."),
    ] = None,
    engine: Annotated[
        Literal["uv", "pip-tools"], typer.Option(help="Who resolves.")
    ] = "uv",
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Lock the requirements with hashes.

    Examples: `fleet lock`, `fleet lock orders --upgrade-package fastapi`,
    `fleet lock --check`, `fleet lock --audit --advisories all.zip`.
    Without advisories nothing is audited, and `--audit` ends with 1 and says so.
    """
    printer = Printer(as_json=as_json)
    locks = locks_of(discover(), services or ())
    if audit:
        _audit(printer, locks, advisories, frozenset(excepted or ()))
        return
    for one in locks if services else ():
        require_free(one, upgrade_package or ())
    rows: list[dict[str, str]] = []
    for one in locks:
        if check:
            state = "fresh" if one.is_fresh else "stale"
        else:
            printer.talk(f"locking {one.name}")
            changed = compile_lock(
                one, upgrade=upgrade, packages=upgrade_package or (), engine=engine
            )
            state = "changed" if changed else "unchanged"
        rows.append({"name": one.name, "file": str(one.target), "state": state})
    colour = {"stale": "red", "changed": "yellow"}
    text = "\n".join(
        f"{row['name']}: {paint(row['state'], colour.get(row['state'], 'green'))}"
        for row in rows
    )
    printer.data({"locks": rows}, text)
    if any(row["state"] == "stale" for row in rows):
        printer.error("a lock is stale\nhint: run `fleet lock`")
        raise typer.Exit(NOT_COMPLIANT)


def _audit(
    printer: Printer,
    locks: Sequence[Lock],
    place: Path | None,
    excepted: frozenset[str],
) -> None:
    """Say which pins are known to be weak."""
    if place is None:
        raise not_audited(None, "none are named")
    known = read_advisories(place)
    rows, weak = [], 0
    for one in locks:
        locked = pins(one.target.read_text("utf-8"))
        for found in known.about(locked):
            is_excepted = not excepted.isdisjoint((found.id, *found.aliases))
            weak += not is_excepted
            rows.append(asdict(found) | {"lock": one.name, "excepted": is_excepted})
            state = paint("excepted", "dim") if is_excepted else paint("weak", "red")
            printer.talk(f"{one.name}: {state} {found}")
        printer.talk(f"{one.name}: {len(locked)} pins")
    said = f"{weak} weak, by advisories up to {known.newest}"
    printer.data({"weak": rows, "newest": known.newest}, said)
    if weak:
        raise typer.Exit(NOT_COMPLIANT)
