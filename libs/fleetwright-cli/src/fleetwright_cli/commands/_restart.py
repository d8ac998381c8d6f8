"""fleet restart: drain services and start them again."""

import sys
from typing import Annotated

import typer

from fleetwright_cli._errors import FleetError
from fleetwright_cli._printer import Printer
from fleetwright_cli.fleet import find_root
from fleetwright_cli.local import _background
from fleetwright_cli.local._control import ask
from fleetwright_cli.local._plan import Places
from fleetwright_cli.local._status import State
from fleetwright_cli.local._table import status_table


def restart(
    services: Annotated[list[str], typer.Argument(help="Services to start again.")],
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Drain services, start them again and wait until they are ready.

    Examples: `fleet restart orders`, `fleet restart orders payments --json`.
    """
    printer = Printer(as_json=as_json)
    places = Places(find_root())
    reply = ask(places.run, "restart", services=services)
    if reply is None:
        raise FleetError("nothing runs here", hint="start it with `fleet up`")
    printer.data(reply, status_table(reply["services"], sys.stdout))
    failed = [facts for facts in reply["services"] if facts["state"] == State.FAILED]
    if failed:
        raise _background.explained(places, failed)
