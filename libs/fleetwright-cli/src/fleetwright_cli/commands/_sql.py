"""fleet sql: what the console keeps, asked in SQL."""

import contextlib
import sqlite3
from typing import Annotated

import typer

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer, table
from fleetwright_cli.console.kept import database, reading
from fleetwright_cli.fleet import find_root
from fleetwright_cli.local._plan import Places

LONGEST_CELL = 80


def sql(
    question: Annotated[str, typer.Argument(help="One statement that reads.")],
    limit: Annotated[int, typer.Option(help="At most so many rows.", min=1)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Ask the console's database; it is opened for reading only.

    Its tables: run, resource, event, service, span, trace, log, log_text,
    metric_series, metric_point, edge_minute, call_slot.

    Examples: `fleet sql "select name, count(*) from span group by 1"`,
    `fleet sql "select * from edge_minute" --json`.
    """
    printer = Printer(as_json=as_json)
    with contextlib.closing(reading(database(Places(find_root())))) as on:
        try:
            cursor = on.execute(question)
            names = [column[0] for column in cursor.description or ()]
            rows = [[_shown(cell) for cell in row] for row in cursor.fetchmany(limit)]
            more = cursor.fetchone() is not None if names else False
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise FleetError(
                f"this cannot be asked: {error}",
                hint='see the tables with `fleet sql "select sql from sqlite_master"`',
                exit_code=WRONG_ARGUMENTS,
            ) from error
    document = {"rows": [dict(zip(names, row, strict=True)) for row in rows]}
    cells = [[_cut(cell) for cell in row] for row in rows]
    printer.data(document | {"more": more}, table(names, cells) if names else "")
    if more:
        printer.talk(f"there are more than {limit} rows: add `--limit`")


def _shown(cell: object) -> object:
    """Return a cell as JSON-ready: bytes as hexadecimal digits."""
    return cell.hex() if isinstance(cell, bytes) else cell


def _cut(cell: object) -> str:
    text = "" if cell is None else " ".join(str(cell).split())
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 3]}..."
