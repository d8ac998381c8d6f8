"""fleet contracts: whom a changed API breaks, and with which value."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from fleetwright_cli._errors import DONE, NOT_COMPLIANT, WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer
from fleetwright_contracts import (
    REPORTS,
    ContractError,
    Files,
    Finding,
    Verdict,
    compare,
    load,
    verdict_of,
)

# Beyond this the numbers of lines are not worth the time they take.
_MOST_CHARACTERS = 4_000_000

Form = Literal["text", "markdown", "json", "sarif", "github"]

contracts = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="See whom a changed API breaks, and with which value.\n\n"
    "Example: `fleet contracts diff old.yaml new.yaml`.",
)


@contracts.callback()
def about() -> None:
    """Keep `diff` a word to be typed while it is the only one."""


@contracts.command()
def diff(
    old: Annotated[Path, typer.Argument(help="What users of the API go by.")],
    new: Annotated[Path, typer.Argument(help="What is to take its place.")],
    *,
    form: Annotated[
        Form, typer.Option("--format", help="For whom the findings are.")
    ] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Exit 0 where something is unknown.")
    ] = False,
) -> None:
    """Compare two files: OpenAPI 3.0 or 3.1, or JSON Schema; JSON or YAML.

    Examples: `fleet contracts diff old.yaml new.yaml`,
    `fleet contracts diff old.json new.json --format github`.
    Exit 1 where the new file breaks who goes by the old one, or nobody can tell.
    Needs no fleet; nothing that a `$ref` leads to is fetched.
    """
    findings = _findings(old, new)
    report = REPORTS["json" if as_json else form](findings, _files(old, new))
    Printer().data({}, report)
    verdict = verdict_of(findings)
    fine = verdict is Verdict.FITS or (allow_unknown and verdict is Verdict.UNKNOWN)
    raise typer.Exit(DONE if fine else NOT_COMPLIANT)


def _findings(old: Path, new: Path) -> list[Finding]:
    """Return what the new file does to those who go by the old one.

    Raises:
        FleetError: One of them cannot be read.
    """
    documents = [_loaded(path) for path in (old, new)]
    try:
        return compare(*documents, today=date.today())
    except ContractError as error:
        place = f"{error.where} in " if error.where else ""
        raise _refused(error, f"{place}{old} or {new}") from error


def _loaded(path: Path) -> Any:
    """Return the document of a file."""
    try:
        return load(path)
    except ContractError as error:
        raise _refused(error, error.where or str(path)) from error


def _refused(error: ContractError, where: str) -> FleetError:
    """Return what is wrong with a file as an error of the tool."""
    hint = error.hint or "mend the file, or name another one"
    return FleetError(error.message, where=where, hint=hint, exit_code=WRONG_ARGUMENTS)


def _files(old: Path, new: Path) -> Files:
    """Return the names of the files, and their texts where lines can be counted."""
    texts = [path.read_text(encoding="utf-8") for path in (old, new)]
    small = [text if len(text) < _MOST_CHARACTERS else "" for text in texts]
    return Files(str(old), str(new), *small)
