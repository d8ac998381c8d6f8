"""fleet lock: requirements.txt of every service, hashed."""

from typing import Annotated, Literal

import typer

from fleetwright_cli._errors import NOT_COMPLIANT
from fleetwright_cli._printer import Printer, paint
from fleetwright_cli.fleet import discover
from fleetwright_cli.locks import compile_lock, locks_of, require_free


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
    engine: Annotated[
        Literal["uv", "pip-tools"], typer.Option(help="Who resolves.")
    ] = "uv",
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Lock the requirements with hashes.

    Examples: `fleet lock`, `fleet lock orders --upgrade-package fastapi`,
    `fleet lock --check`.
    """
    printer = Printer(as_json=as_json)
    locks = locks_of(discover(), services or ())
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
