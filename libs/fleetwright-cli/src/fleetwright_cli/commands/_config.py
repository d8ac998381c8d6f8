"""fleet config: what services read from their environment, and what they are given."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from fleetwright_cli._errors import DONE, NOT_COMPLIANT, WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer
from fleetwright_cli.configuration import (
    Finding,
    compare,
    environment_of,
    facts_of,
    markdown_of,
    text_of,
    variables_of,
)
from fleetwright_cli.fleet import discover
from fleetwright_cli.standard import Repository, open_repository

PAGE = "docs/reference/service-settings.md"
Form = Literal["text", "markdown", "json", "env"]


def config(
    names: Annotated[
        list[str] | None, typer.Argument(help="Services; none for all.")
    ] = None,
    *,
    form: Annotated[
        Form, typer.Option("--format", help="For whom the settings are.")
    ] = "text",
    check: Annotated[
        bool,
        typer.Option("--check", help="Hold compose, Kubernetes and the page to it."),
    ] = False,
    write: Annotated[bool, typer.Option("--write", help=f"Write {PAGE}.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Show what services read from their environment, and what does not fit it.

    Examples: `fleet config orders`, `fleet config orders --format env`,
    `fleet config --write`, `fleet config --check`.
    Reads the typed settings and runs nothing. `--check` exits 1 where a deploy file
    sets what nobody reads, leaves out what must be set, or shows a secret, and where
    the page is stale.
    """
    fleet = discover()
    chosen = {one.name for one in fleet.chosen(names)}
    _refuse_odd(check=check, write=write, names=bool(names))
    repository = open_repository(fleet.root)
    services = {
        one.name: variables_of(repository, one)
        for one in repository.services
        if one.name in chosen
    }
    findings = compare(repository, chosen)
    repository.facts.keep()
    printer = Printer(as_json=as_json)
    if write:
        printer.talk(_write_page(fleet.root, markdown_of(services)))
        raise typer.Exit(DONE)
    if check:
        if not names:
            findings += _stale(repository, markdown_of(services))
        said = "\n".join(map(_words, findings)) or "every deploy file fits the settings"
        printer.data(facts_of(services, findings)["findings"], said)
        raise typer.Exit(NOT_COMPLIANT if findings else DONE)
    if as_json or form == "json":
        sys.stdout.write(json.dumps(facts_of(services, findings), indent=2) + "\n")
    elif form == "markdown":
        printer.data({}, markdown_of(services).rstrip("\n"))
    elif form == "env":
        texts = [environment_of(variables) for variables in services.values()]
        printer.data({}, "\n".join(texts))
    else:
        printer.data({}, text_of(services))
    for one in findings:
        printer.talk(_words(one))


def _refuse_odd(*, check: bool, write: bool, names: bool) -> None:
    """Refuse options that say two things at once."""
    odd = (
        (check and write, "`--write` leaves nothing to check", "--check"),
        (write and names, "the page is of all services", "--write"),
    )
    for is_so, message, words in odd:
        if is_so:
            hint = f"`fleet config {words}`"
            raise FleetError(message, hint=hint, exit_code=WRONG_ARGUMENTS)


def _stale(repository: Repository, text: str) -> list[Finding]:
    """Return the page of settings as a finding, where it is kept and says otherwise."""
    if not repository.tree.has(PAGE) or repository.text(PAGE) == text:
        return []
    what, hint = "the page is not what the code says", "run `fleet config --write`"
    return [Finding("", "stale", PAGE, 1, what, hint)]


def _write_page(root: Path, text: str) -> str:
    """Write the page of settings; return what was done."""
    path = root / PAGE
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return f"{PAGE} is as it should be"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.fresh")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
    return f"wrote {PAGE}"


def _words(one: Finding) -> str:
    """Return a finding in three parts: where, what, and the mend."""
    return f"{one.path}:{one.line}: {one.what}\n  hint: {one.hint}"
