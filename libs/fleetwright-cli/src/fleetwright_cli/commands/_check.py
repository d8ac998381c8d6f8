"""fleet check: every rule of the standard, against this repository."""

import json
from collections import Counter
from typing import Annotated, Literal

import typer

from fleetwright_cli._errors import DONE, NOT_COMPLIANT, WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer
from fleetwright_cli.fleet import find_root
from fleetwright_cli.standard import (
    CHECKERS,
    Report,
    Repository,
    open_repository,
    rules,
)
from fleetwright_cli.standard import (
    check as check_all,
)
from fleetwright_cli.standard._baseline import NAME, read_baseline, write_baseline
from fleetwright_cli.standard._fixes import edits, write
from fleetwright_cli.standard._reports import (
    annotations_of,
    facts_of,
    markdown_of,
    text_of,
)
from fleetwright_cli.standard._sarif import sarif_of
from fleetwright_cli.standard._tools import RULES, tool_breaches

Form = Literal["text", "json", "sarif", "github", "markdown"]


def check(
    only: Annotated[
        list[str] | None, typer.Argument(help="Ids of the only rules to look at.")
    ] = None,
    *,
    form: Annotated[
        Form, typer.Option("--format", help="For whom the findings are.")
    ] = "text",
    baseline: Annotated[
        bool,
        typer.Option("--baseline", help="Freeze today's breaches; only new ones fail."),
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what a machine can mend.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --fix: show it, change nothing.")
    ] = False,
    tools: Annotated[
        bool, typer.Option("--tools", help="Run black, ruff, mypy, pytest, too.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Show each place.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Hold the repository to the standard.

    Examples: `fleet check`, `fleet check CFG-04 CON-05`, `fleet check --format sarif`,
    `fleet check --fix --dry-run`.
    Reads files and runs none of them; `--tools` has black, ruff and mypy read them,
    runs the services' tests, and looks at locks and history. Exit 1 on a breach that no
    waiver excuses.
    """
    root = find_root()
    chosen = frozenset(_known(one) for one in only or ())
    _refuse_odd(chosen=bool(chosen), baseline=baseline, tools=tools, lone=dry_run > fix)
    printer = Printer()
    frozen = None if baseline else read_baseline(root)
    repository = open_repository(root)
    report = _checked(repository, chosen, frozen, tools=tools)
    if fix:
        broken = [(one.rule.id, one.breach) for one in report.failing]
        changes = edits(repository, broken)
        if dry_run:
            printer.data({}, "".join(one.diff for one in changes).rstrip("\n"))
            raise typer.Exit(NOT_COMPLIANT if changes else DONE)
        for path in write(root, changes):
            printer.talk(f"mended {path}")
        report = _checked(open_repository(root), chosen, frozen, tools=tools)
    if baseline:
        count = write_baseline(root, report)
        printer.talk(f"{NAME} holds {count} breaches: commit it; new ones fail")
        raise typer.Exit(DONE)
    printer.data({}, _written(report, "json" if as_json else form, every=every))
    raise typer.Exit(NOT_COMPLIANT if report.failing else DONE)


def _checked(
    repository: Repository,
    chosen: frozenset[str],
    frozen: Counter[str] | None,
    *,
    tools: bool,
) -> Report:
    """Return what reading finds, and the tools where they are asked for."""
    if not tools:
        return check_all(repository, chosen=chosen, frozen=frozen)
    more = list(tool_breaches(repository, Printer().talk))
    return check_all(repository, frozen=frozen, more=more, tools=RULES)


def _refuse_odd(*, chosen: bool, baseline: bool, tools: bool, lone: bool) -> None:
    """Refuse options that say two things at once."""
    odd = (
        (chosen and baseline, "a baseline is drawn of all rules", "--baseline"),
        (chosen and tools, "the tools look at everything", "--tools"),
        (lone, "`--dry-run` is for `--fix`", "--fix --dry-run"),
    )
    for is_so, message, words in odd:
        if is_so:
            hint = f"`fleet check {words}`"
            raise FleetError(message, hint=hint, exit_code=WRONG_ARGUMENTS)


def _written(report: Report, form: Form, *, every: bool) -> str:
    """Return a report in the form that was asked for."""
    if form == "json":
        return json.dumps(facts_of(report), indent=2, ensure_ascii=False)
    if form == "sarif":
        return json.dumps(sarif_of(report), indent=2, ensure_ascii=False)
    if form == "github":
        return annotations_of(report)
    return markdown_of(report) if form == "markdown" else text_of(report, every=every)


def _known(identity: str) -> str:
    """Return the id of a rule that has a checker."""
    rule = rules().get(identity.upper())
    if rule is not None and (rule.same_as or rule.id) in CHECKERS:
        return rule.same_as or rule.id
    what = f"{rule.id} is checked by nothing" if rule else f"`{identity}` is no rule"
    hint = rule.how if rule else "docs/standard.md lists them; `fleet explain CFG-04`"
    raise FleetError(what, hint=hint, exit_code=WRONG_ARGUMENTS)
