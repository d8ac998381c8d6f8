"""fleet log-level: what running services log, changed without a restart."""

from typing import Annotated

import typer

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer, table
from fleetwright_cli.fleet import find_root
from fleetwright_cli.local._control import ask
from fleetwright_cli.local._log_levels import FILE, LogLevel, change, level_of, levels
from fleetwright_cli.local._plan import Places


def log_level(
    service: Annotated[
        str | None, typer.Argument(help="A service; none for all.")
    ] = None,
    level: Annotated[
        str | None,
        typer.Argument(
            help="debug, info, warning or error; configured for its own; none to see."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Show or change the least level of the lines that a running service writes.

    It is taken within half a second, without a restart; after a restart the level that
    is configured (`LOG_LEVEL`) holds again.

    Examples: `fleet log-level`, `fleet log-level orders debug`,
    `fleet log-level orders configured`.
    """
    printer = Printer(as_json=as_json)
    places = Places(find_root())
    wanted = None if level is None else level_of(level)
    reply = ask(places.run, "ps")
    if reply is None:
        raise FleetError("nothing runs here", hint="start it with `fleet up`")
    statuses = reply["services"]
    known = sorted({str(facts["service"]) for facts in statuses})
    if service is not None and service not in known:
        raise FleetError(
            f"no service `{service}` runs here",
            hint=f"these do: {', '.join(known)}",
            exit_code=WRONG_ARGUMENTS,
        )
    if service is None or wanted is None:
        own = [it for it in statuses if service in (None, it["service"])]
        found = levels(own)
    else:
        found = change(places.run / FILE, service, wanted, statuses)
    printer.data({"services": [one.facts() for one in found]}, _page(found))


def _page(found: list[LogLevel]) -> str:
    rows = [(one.name, _word(one.level), _word(one.configured)) for one in found]
    return table(("NAME", "LEVEL", "CONFIGURED"), rows)


def _word(level: str | None) -> str:
    return "-" if level is None else level.lower()
