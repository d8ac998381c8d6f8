"""fleet waivers: where the standard is not kept, since when and until when."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from fleetwright_cli._printer import Printer, table
from fleetwright_cli.fleet import find_root
from fleetwright_cli.standard import Debt, check, debt, open_repository


def waivers(
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """List the waivers of fleet.toml, the oldest first.

    Example: `fleet waivers`. `fleet check` says what is wrong with one.
    """
    repository = open_repository(find_root())
    today = datetime.now(UTC).date()
    report = check(repository, today=today)
    owed = debt(repository, report.covered, today)
    document = {"waivers": [_facts(one) for one in owed]}
    Printer(as_json=as_json).data(document, _page(owed))


def _facts(one: Debt) -> dict[str, object]:
    """Return a waiver as JSON-ready values."""
    return {
        **one.waiver.model_dump(mode="json"),
        "line": one.line,
        "covers": one.covers,
        "age_days": one.age_days,
        "left_days": one.left_days,
    }


def _page(owed: list[Debt]) -> str:
    """Return the waivers for a person, and what they come to."""
    if not owed:
        return "no waivers: the standard is kept everywhere"
    rows = [
        (
            one.waiver.rule,
            one.waiver.where,
            str(one.covers),
            "?" if one.age_days is None else str(one.age_days),
            "?" if one.left_days is None else str(one.left_days),
            one.waiver.reason,
        )
        for one in owed
    ]
    head = ("rule", "where", "covers", "days old", "days left", "reason")
    total = sum(one.covers for one in owed)
    return f"{table(head, rows)}\n{len(owed)} waivers excuse {total} breaches"
