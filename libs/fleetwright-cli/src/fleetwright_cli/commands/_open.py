"""fleet open: the console of the running fleet, in a browser."""

import os
import sys
from typing import Annotated

import typer

from fleetwright_cli._errors import FleetError
from fleetwright_cli._printer import Printer
from fleetwright_cli.fleet import find_root
from fleetwright_cli.local._console import NAME, read_console
from fleetwright_cli.local._control import ask
from fleetwright_cli.local._plan import Places


def open_(
    only_print: Annotated[
        bool, typer.Option("--print", help="Print the address, open nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Open the console; print its address, which lets in whoever has it.

    Examples: `fleet open`, `fleet open --print`, `fleet open --json`.
    """
    printer = Printer(as_json=as_json)
    places = Places(find_root())
    report = ask(places.run, "ps")
    if report is None:
        raise FleetError("nothing runs here", hint="start it with `fleet up`")
    console = read_console(places)
    if NAME not in report or console is None:
        raise FleetError(
            "this fleet runs without a console",
            where="`--no-console`, or `console_port = 0` in fleet.toml",
            hint="`fleet down`, then `fleet up`",
        )
    facts = console.facts() | {"login_url": console.login_url}
    printer.data(facts | {"state": report[NAME]["state"]}, console.login_url)
    if not (only_print or as_json) and _has_screen():
        import webbrowser

        webbrowser.open(console.login_url)


def _has_screen() -> bool:
    """Return whether a browser can be shown: a person's terminal with a screen."""
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.stdout.isatty() and (sys.platform == "darwin" or bool(shown))
