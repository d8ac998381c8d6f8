"""fleet check: every rule of the standard, against this repository."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple

import typer

from fleetwright_cli._errors import DONE, NOT_COMPLIANT, WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer
from fleetwright_cli.fleet import discover, find_root
from fleetwright_cli.standard import (
    Breach,
    Report,
    Repository,
    open_repository,
    read_ones,
    rules,
)
from fleetwright_cli.standard import (
    check as check_all,
)
from fleetwright_cli.standard._baseline import NAME, read_baseline, write_baseline
from fleetwright_cli.standard._reports import (
    annotations_of,
    facts_of,
    markdown_of,
    text_of,
)

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
    deep: Annotated[
        bool, typer.Option("--deep", help="Start services, build images, too.")
    ] = False,
    require_docker: Annotated[
        bool, typer.Option("--require-docker", help="With --deep: fail without one.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Show each place.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Hold the repository to the standard.

    Examples: `fleet check`, `fleet check CFG-04 CON-05`, `fleet check --format sarif`,
    `fleet check --fix --dry-run`, `fleet check --tools --deep`.
    Reads files and runs none of them; `--tools` has black, ruff and mypy read them,
    runs the services' tests, and looks at locks and history; `--deep` starts services,
    stops each neighbour in turn, and builds the images where a Docker engine answers.
    Exit 1 on a breach that no waiver excuses.
    """
    root = find_root()
    chosen = frozenset(_known(one) for one in only or ())
    further = Further(tools=tools, deep=deep, require_docker=require_docker)
    _refuse_odd(further, chosen=bool(chosen), baseline=baseline, lone=dry_run > fix)
    printer = Printer()
    frozen = None if baseline else read_baseline(root)
    repository = open_repository(root)
    report = _checked(repository, chosen, frozen, further)
    if fix:
        from fleetwright_cli.standard._fixes import edits, write

        broken = [(one.rule.id, one.breach) for one in report.failing]
        changes = edits(repository, broken)
        if dry_run:
            printer.data({}, "".join(one.diff for one in changes).rstrip("\n"))
            raise typer.Exit(NOT_COMPLIANT if changes else DONE)
        for path in write(root, changes):
            printer.talk(f"mended {path}")
        report = _checked(open_repository(root), chosen, frozen, further)
    if baseline:
        count = write_baseline(root, report)
        printer.talk(f"{NAME} holds {count} breaches: commit it; new ones fail")
        raise typer.Exit(DONE)
    printer.data({}, _written(report, "json" if as_json else form, every=every))
    raise typer.Exit(NOT_COMPLIANT if report.failing else DONE)


class Further(NamedTuple):
    """How far is looked beyond reading.

    Attributes:
        tools: Whether tools run.
        deep: Whether services are started and images built.
        require_docker: Whether it is an error that no engine can build images.
    """

    tools: bool
    deep: bool
    require_docker: bool


def _checked(
    repository: Repository,
    chosen: frozenset[str],
    frozen: Counter[str] | None,
    further: Further,
) -> Report:
    """Return what reading finds, and what deeper looks do where they are asked for."""
    talk = Printer().talk
    more: list[tuple[str, Breach]] = []
    looked: frozenset[str] = frozenset()
    if further.tools:
        # Imported where they run: reading alone takes less time than loading them.
        from fleetwright_cli.standard._tools import RULES, tool_breaches

        more += tool_breaches(repository, talk, _passed(repository))
        looked |= RULES
    if further.deep:
        found, seen = _deep(repository, further, talk)
        more += found
        looked |= seen
    return check_all(repository, chosen=chosen, frozen=frozen, more=more, tools=looked)


def _passed(repository: Repository) -> dict[str, float]:
    """Return the services that passed `fleet test` as they are: what it covered."""
    from fleetwright_cli.affected import covered_before
    from fleetwright_cli.suites import suites_of

    fleet = discover(repository.tree.root)
    locked = [one.name for one in fleet.services.values() if one.lock.is_file()]
    if not locked:
        return {}
    suites = suites_of(fleet, locked)
    return covered_before(repository, suites, fleet.manifest.test.coverage_percent)


def _deep(
    repository: Repository, further: Further, talk: Callable[[str], None]
) -> tuple[list[tuple[str, Breach]], frozenset[str]]:
    """Return what is found by trying, and the rules that could be tried here."""
    from fleetwright_cli import drills
    from fleetwright_cli.standard._tools import interpreters

    fleet = discover(repository.tree.root)
    pythons = interpreters(fleet, talk)
    found = list(drills.boot_breaches(repository, fleet, pythons, talk))
    seen = drills.BOOT_RULES if drills.bootable(fleet) else frozenset[str]()
    if not seen:
        talk("no service is on the runtime: none was started")
    if drills.engine_answers():
        found += drills.image_breaches(repository, talk)
        return found, seen | drills.IMAGE_RULES
    left = ", ".join(sorted(drills.IMAGE_RULES))
    if further.require_docker:
        raise FleetError(
            "no Docker engine answers, or docker-compose is not installed",
            where=f"{left} cannot be looked at",
            hint="start one, or leave `--require-docker` out",
        )
    talk(f"no Docker engine answers: {left} were not tried")
    return found, seen


def _refuse_odd(further: Further, *, chosen: bool, baseline: bool, lone: bool) -> None:
    """Refuse options that say two things at once."""
    needless = further.require_docker and not further.deep
    odd = (
        (chosen and baseline, "a baseline is drawn of all rules", "--baseline"),
        (chosen and further.tools, "the tools look at everything", "--tools"),
        (chosen and further.deep, "all is tried, or nothing", "--deep"),
        (needless, "`--require-docker` is for `--deep`", "--deep --require-docker"),
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
        from fleetwright_cli.standard._sarif import sarif_of

        return json.dumps(sarif_of(report), indent=2, ensure_ascii=False)
    if form == "github":
        return annotations_of(report)
    return markdown_of(report) if form == "markdown" else text_of(report, every=every)


def _known(identity: str) -> str:
    """Return the id of a rule that has a checker."""
    rule = rules().get(identity.upper())
    if rule is not None and (rule.same_as or rule.id) in read_ones():
        return rule.same_as or rule.id
    what = f"{rule.id} is checked by nothing" if rule else f"`{identity}` is no rule"
    hint = rule.how if rule else "docs/standard.md lists them; `fleet explain CFG-04`"
    raise FleetError(what, hint=hint, exit_code=WRONG_ARGUMENTS)
