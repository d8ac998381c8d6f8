"""fleet runs: what the console keeps of each start of the fleet, as files."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from fleetwright_cli._printer import Printer, table
from fleetwright_cli.fleet import find_root
from fleetwright_cli.local._control import require_none
from fleetwright_cli.local._plan import Places

runs = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="See the runs that the console keeps, and carry one to another console.\n\n"
    "Examples: `fleet runs list`, `fleet runs export slow.db`,"
    " `fleet runs import slow.db`.",
)
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@runs.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the runs, the newest first.

    Example: `fleet runs list`. The console's page `/runs` shows two side by side.
    """
    from fleetwright_cli.console import carried, kept

    with kept.reading(kept.database(Places(find_root()))) as on:
        found = carried.runs(on)
    cells = [
        (
            str(it["id"]),
            _when(it["started_ns"]),
            _when(it["ended_ns"]),
            str(it["traces"]),
        )
        for it in found
    ]
    page = table(("RUN", "BEGAN", "ENDED", "TRACES"), cells)
    Printer(as_json=as_json).data({"runs": found}, page)


@runs.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to write; a new file.")],
    run: Annotated[
        int | None, typer.Option(help="Which run; the newest when left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write one run into a file: traces, lines, metrics, changes of processes.

    It holds what the console holds: secrets are masked, but look before you send it.

    Examples: `fleet runs export slow.db`, `fleet runs export slow.db --run 7`.
    """
    from fleetwright_cli.console import carried, kept

    counts = carried.export(kept.database(Places(find_root())), run, file)
    _tell(as_json, counts, f"written to {file}")


@runs.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What `fleet runs export` wrote.")],
    as_json: AsJson = False,
) -> None:
    """Take a run of a file into this fleet's console; the fleet must be down.

    The file is looked at first: other tables, other types, too much, and nothing of it
    is taken. What is older than seven days is thrown away once the fleet runs.

    Example: `fleet runs import slow.db`, then `fleet traces` or the page `/runs`.
    """
    from fleetwright_cli.console import carried, kept

    places = Places(find_root())
    places.make()
    require_none(places.run)
    counts = carried.bring(file, places.data / kept.DATABASE)
    _tell(as_json, counts, f"taken as run {counts['run']}")


def _tell(as_json: bool, counts: dict[str, Any], words: str) -> None:
    text = f"{words}: {counts['trace']} traces, {counts['span']} spans,"
    page = f"{text} {counts['log']} lines, {counts['metric_point']} points of metrics"
    Printer(as_json=as_json).data({"rows": counts}, page)


def _when(nanoseconds: int | None) -> str:
    if nanoseconds is None:
        return "-"
    return datetime.fromtimestamp(nanoseconds / 1e9).strftime("%Y-%m-%d %H:%M:%S")
