"""fleet upgrade: newer templates brought to what was scaffolded."""

from typing import Annotated

import typer

from fleetwright_cli._errors import DONE, NOT_COMPLIANT, WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer, paint
from fleetwright_cli.fleet import find_root
from fleetwright_cli.scaffold import Drift, drift_of
from fleetwright_cli.scaffold import upgrade as bring

COMPOSE = "docker-compose.yml"  # a template once; it follows from the tree now
COLOURS = {
    "new": "green",
    "updated": "green",
    "merged": "yellow",
    "removed": "yellow",
    "left": "dim",
    "conflict": "red",
}


def upgrade(
    service: Annotated[
        str | None, typer.Argument(help="A service or library; none for all.")
    ] = None,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 when behind.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the patch, change nothing.")
    ] = False,
    conflicts: Annotated[
        bool, typer.Option("--conflicts", help="Write conflicts, with markers.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Bring scaffolded files, and the runtime below libs/, to this tool's version.

    Examples: `fleet upgrade --check`, `fleet upgrade --dry-run`,
    `fleet upgrade billing`, `fleet upgrade --conflicts`.
    What you edited is kept: a file that both you and the templates changed is merged,
    and left as it is where both changed the same lines. Exit 1 when that happens.
    """
    if conflicts and (check or dry_run):
        raise FleetError(
            "`--conflicts` writes, `--check` and `--dry-run` do not",
            hint="`fleet upgrade --conflicts`",
            exit_code=WRONG_ARGUMENTS,
        )
    root = find_root()
    printer = Printer(as_json=as_json)
    drift = drift_of(root, service)
    if dry_run:
        patch = "".join(one.diff for one in drift.changes)
        printer.data(_facts(drift), patch.rstrip("\n") or _told(drift))
        raise typer.Exit(NOT_COMPLIANT if drift.conflicts else DONE)
    if check:
        printer.data(_facts(drift), _told(drift))
        raise typer.Exit(DONE if drift.is_none else NOT_COMPLIANT)
    written = bring(root, drift, printer.talk, with_markers=conflicts)
    if any((one.path, one.kind) == (COMPOSE, "removed") for one in written):
        from fleetwright_cli.deploy.compose._kept import composed

        composed(root)
    printer.data(_facts(drift), _told(drift))
    if drift.conflicts:
        names = ", ".join(one.path for one in drift.conflicts)
        where = (
            "settle what is between the markers" if conflicts else "left as they are"
        )
        hint = (
            f"`git diff {drift.conflicts[0].path}`"
            if conflicts
            else ("`fleet upgrade --conflicts` writes both versions, for you to settle")
        )
        raise FleetError(
            f"you and the templates changed the same lines: {where}",
            where=names,
            hint=hint,
        )


def _facts(drift: Drift) -> dict[str, object]:
    """Return how far the fleet is behind, as JSON-ready values."""
    return {
        "changes": [{"path": one.path, "kind": one.kind} for one in drift.changes],
        "edited": list(drift.edited),
        "vendored": list(drift.vendored),
        "is_current": drift.is_none,
    }


def _told(drift: Drift) -> str:
    """Return how far the fleet is behind, for a person."""
    lines = [f"{paint('replaced', 'green')} libs/{one}" for one in drift.vendored]
    lines += [
        f"{paint(one.kind, COLOURS[one.kind])} {one.path}" for one in drift.changes
    ]
    if drift.is_none:
        lines.append("all that was scaffolded is as this tool would make it")
    lines.append(f"{len(drift.edited)} scaffolded files were edited here")
    return "\n".join(lines)
