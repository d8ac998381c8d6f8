"""fleet contracts: whom a changed API breaks, and with which value."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from fleetwright_cli._errors import DONE, NOT_COMPLIANT, WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer, table
from fleetwright_cli.fuzz._command import fuzz
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
from fleetwright_contracts.needs import sent_by

# Beyond this the numbers of lines are not worth the time they take.
_MOST_BYTES = 4_000_000

Form = Literal["text", "markdown", "json", "sarif", "github"]
Promise = Literal["wire", "wire-json", "source"]
FleetForm = Literal["text", "json", "github"]

# Two files are compared without a fleet: what knows of fleets is imported on use.
contracts = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="See whom a changed API breaks, and with which value.\n\n"
    "Examples: `fleet contracts freeze`, `fleet contracts verify`,"
    " `fleet contracts diff --against origin/main`,"
    " `fleet contracts can-deploy --environment production`,"
    " `fleet contracts diff old.yaml new.yaml`, `fleet contracts fuzz`.",
)
contracts.command()(fuzz)
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@contracts.command()
def freeze(
    services: Annotated[
        list[str] | None, typer.Argument(help="Services; none for all.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when one is stale.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write contracts/{openapi,asyncapi,needs}.json: what the code promises and needs.

    Each service is imported in its own environment, in a process of its own.

    Examples: `fleet contracts freeze`, `fleet contracts freeze orders`,
    `fleet contracts freeze --check`. Exit 1 where a file is not what the code says, or
    a service cannot be asked.
    """
    from fleetwright_cli.contracts import drift, extract
    from fleetwright_cli.fleet import discover

    printer = Printer(as_json=as_json)
    fleet = discover()
    chosen = fleet.chosen(services)
    printer.status(f"asking {', '.join(service.name for service in chosen)}")
    found = extract(fleet, chosen, printer.talk)
    drifts = drift(fleet, found)
    if not check:
        for one in drifts:
            one.mend()
    places = [str(one.file.relative_to(fleet.root)) for one in drifts]
    words = [
        f"{place} {one.what if check else 'written' if one.text else 'taken away'}"
        for place, one in zip(places, drifts, strict=True)
    ]
    printer.data({"stale": places}, "\n".join(words) or "all are as the code says")
    for error in found.failed.values():
        printer.error(str(error))
    if check and drifts:
        names = " ".join(sorted({one.service for one in drifts}))
        raise FleetError(
            f"{len(drifts)} of the contracts are not what the code says",
            hint=f"run `fleet contracts freeze {names}`, and look at what it changes",
        )
    if found.failed:
        raise typer.Exit(NOT_COMPLIANT)


@contracts.command()
def verify(
    retained: Annotated[
        list[str] | None,
        typer.Option(help="A revision whose events may still be in their topics."),
    ] = None,
    form: Annotated[
        FleetForm, typer.Option("--format", help="For whom the findings are.")
    ] = "text",
    notes: Annotated[
        bool, typer.Option("--notes", help="Also what is only to be known.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Hold what every service needs against what the others promise.

    Reads the frozen contracts only: run `fleet contracts freeze` first. A request that
    is refused, an answer or an event that is not understood is shown with a value and
    with the line of the consumer.

    Examples: `fleet contracts verify`, `fleet contracts verify --retained v1.2.0`,
    `fleet contracts verify --format github`. Exit 1 where somebody does not get what it
    needs, or nobody can tell.
    """
    from fleetwright_cli.contracts import frozen, frozen_at
    from fleetwright_cli.contracts import verify as verified
    from fleetwright_cli.contracts._words import annotation, unmet_data, unmet_text
    from fleetwright_cli.fleet import discover

    fleet = discover()
    services = list(fleet.services.values())
    earlier = [
        message
        for revision in retained or ()
        for name, own in frozen_at(fleet, services, revision).items()
        for message in sent_by(name, own.get("asyncapi") or {}, revision)
    ]
    found = verified(fleet, frozen(services), earlier)
    if form == "github":
        text = "\n".join(annotation(it.finding, it.file, it.line) for it in found.unmet)
    else:
        text = unmet_text(found, notes=notes)
    Printer(as_json=as_json or form == "json").data(unmet_data(found), text)
    raise typer.Exit(NOT_COMPLIANT if found.failing else DONE)


@contracts.command()
def diff(
    old: Annotated[
        Path | None, typer.Argument(help="What users of the API go by.")
    ] = None,
    new: Annotated[
        Path | None, typer.Argument(help="What is to take its place.")
    ] = None,
    *,
    against: Annotated[
        str | None,
        typer.Option(help="A revision: compare all contracts of the fleet with it."),
    ] = None,
    notes: Annotated[
        bool, typer.Option("--notes", help="Also what is only to be known.")
    ] = False,
    promise: Annotated[
        Promise,
        typer.Option(help="What users of protobuf rely on: bytes, JSON, their code."),
    ] = "wire-json",
    form: Annotated[
        Form, typer.Option("--format", help="For whom the findings are.")
    ] = "text",
    as_json: AsJson = False,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Exit 0 where something is unknown.")
    ] = False,
) -> None:
    """Compare two files, or the fleet's contracts with those of a revision.

    Files: OpenAPI 3.0 or 3.1, AsyncAPI 3, JSON Schema, as JSON or YAML; protobuf as
    `.proto` or as a set of descriptors (`.binpb`). They need no fleet, and
    nothing that a `$ref` leads to is fetched. With `--against`, whoever in the fleet
    uses what changed is named, with its line; a break is excused by another version in
    the contract and a design document that names the service.

    Examples: `fleet contracts diff old.yaml new.yaml`,
    `fleet contracts diff old.json new.json --format github`,
    `fleet contracts diff old/stock.proto new/stock.proto --promise wire`,
    `fleet contracts diff --against origin/main`.
    Exit 1 where the new one breaks who goes by the old one, or nobody can tell.
    """
    if against is not None and old is None:
        _diff_fleet(against, "json" if as_json else form, notes=notes)
    if old is None or new is None or against is not None:
        raise FleetError(
            "it is not said what to compare",
            hint="give two files, or `--against origin/main`",
            exit_code=WRONG_ARGUMENTS,
        )
    with _uncollected():
        findings = _findings(old, new, promise)
    report = REPORTS["json" if as_json else form](findings, _files(old, new))
    Printer().data({}, report)
    verdict = verdict_of(findings)
    fine = verdict is Verdict.FITS or (allow_unknown and verdict is Verdict.UNKNOWN)
    raise typer.Exit(DONE if fine else NOT_COMPLIANT)


@contracts.command("can-deploy")
def can_deploy(
    candidates: Annotated[
        list[str] | None,
        typer.Argument(help="What is to be released, as `orders=v1.3.0`, or `orders`."),
    ] = None,
    *,
    environment: Annotated[
        str | None,
        typer.Option(help="Where: what runs there is in contracts/deployed/."),
    ] = None,
    deployed: Annotated[
        list[str] | None,
        typer.Option(help="What runs: `orders=v1.2.0`, or one revision for all."),
    ] = None,
    tags: Annotated[
        bool, typer.Option("--tags", help="Release the newest tags, not the files.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say whether versions may take the place of those that run, and in which order.

    What runs is what `--deployed` says, else what was recorded for the environment,
    else the newest tag `SERVICE/vX.Y.Z` of each service. What is to be released is what
    is named, from the working tree or a revision; if nothing is, every service. Frozen
    contracts are read from git, no code is run. Both versions of a service run for a
    while: every pair of versions that may meet is compared.

    Examples: `fleet contracts can-deploy`,
    `fleet contracts can-deploy orders --environment production`,
    `fleet contracts can-deploy orders=v2.0.0 --deployed v1.9.0`,
    `fleet contracts can-deploy --deployed orders=v1.2.0 --deployed catalog=v1.1.0`.
    Exit 1 where somebody breaks in whatever order; the value that shows it is told.
    """
    from fleetwright_cli.contracts import candidates as releases
    from fleetwright_cli.contracts import plan_rollout, running
    from fleetwright_cli.contracts._rollout_words import rollout_data, rollout_text
    from fleetwright_cli.fleet import discover

    fleet = discover()
    runs = running(fleet, environment, deployed or [])
    changed = releases(fleet, runs, candidates or [], tags=tags)
    found = plan_rollout(fleet, runs, changed)
    Printer(as_json=as_json).data(rollout_data(found), rollout_text(found))
    raise typer.Exit(DONE if found.is_safe else NOT_COMPLIANT)


@contracts.command("deployed")
def record_deployed(
    environment: Annotated[str, typer.Argument(help="Such as `staging`.")],
    running: Annotated[
        list[str] | None,
        typer.Argument(help="As `orders=v1.2.0`; `orders=` runs there no more."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Record which version of a service runs in an environment, or show it.

    Kept in `contracts/deployed/ENVIRONMENT.lock`, to be committed: versions with their
    commits, so that a tag that moves changes nothing.

    Examples: `fleet contracts deployed staging orders=v1.2.0 catalog=HEAD`,
    `fleet contracts deployed staging`. Exit 2 where git knows no such revision.
    """
    from fleetwright_cli.contracts import record, recorded
    from fleetwright_cli.fleet import discover

    fleet = discover()
    if running:
        file = record(fleet, environment, running)
        Printer().talk(f"{file.relative_to(fleet.root)} written")
    known = recorded(fleet, environment)
    data = {name: {"version": one, "commit": at} for name, (one, at) in known.items()}
    rows = [(name, one, at[:12]) for name, (one, at) in sorted(known.items())]
    text = table(("service", "version", "commit"), rows)
    Printer(as_json=as_json).data(data, text)


@contracts.command()
def explain(
    words: Annotated[
        list[str],
        typer.Argument(help="A rule, a finding (`FC-...`), or consumer and provider."),
    ],
    *,
    against: Annotated[
        str | None,
        typer.Option(help="A revision: look for the finding in what changed since."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what is compared, who sends and who reads, what shows it, and what to do.

    Of a rule what it means, anywhere; of a finding of `verify` (or, with `--against`,
    of `diff`) where it is as well; of two services all that one needs of the other.

    Examples: `fleet contracts explain request-narrowed`,
    `fleet contracts explain FC-3f21aa07`, `fleet contracts explain orders catalog`.
    Exit 2 where there is nothing of that name.
    """
    from fleetwright_cli.contracts._explaining import explain_edge, explain_one
    from fleetwright_cli.fleet import discover

    if len(words) > 2:
        raise FleetError(
            "it is not said what to explain",
            hint="name a rule, a finding, or a consumer and a provider",
            exit_code=WRONG_ARGUMENTS,
        )
    if len(words) == 2:
        data, text = explain_edge(discover(), *words)
    else:
        data, text = explain_one(words[0], against)
    Printer(as_json=as_json).data(data, text)


def _diff_fleet(against: str, form: str, *, notes: bool) -> NoReturn:
    """Compare the fleet's contracts with those of a revision."""
    if form not in ("text", "json", "github"):
        raise FleetError(
            f"a whole fleet is not told as {form}",
            hint="choose `--format text`, `json` or `github`",
            exit_code=WRONG_ARGUMENTS,
        )
    from fleetwright_cli.contracts import evolution, frozen
    from fleetwright_cli.contracts._words import annotation, changes_data, changes_text
    from fleetwright_cli.fleet import discover

    fleet = discover()
    changes = evolution(fleet, frozen(fleet.services.values()), against)
    if form == "github":
        text = "\n".join(annotation(it.finding, it.file, 1) for it in changes)
    else:
        text = changes_text(changes, against, notes=notes)
    Printer(as_json=form == "json").data(changes_data(changes, against), text)
    raise typer.Exit(NOT_COMPLIANT if any(one.fails for one in changes) else DONE)


def _findings(old: Path, new: Path, promise: Promise) -> list[Finding]:
    """Return what the new file does to those who go by the old one.

    Raises:
        FleetError: One of them cannot be read.
    """
    documents = [_loaded(path) for path in (old, new)]
    try:
        return compare(*documents, today=date.today(), promise=promise)
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
    # A set of descriptors is no text; where it was compiled from is in it.
    texts = [
        (
            path.read_text(encoding="utf-8", errors="replace")
            if path.stat().st_size < _MOST_BYTES
            else ""
        )
        for path in (old, new)
    ]
    return Files(str(old), str(new), *texts)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage: large documents would be looked through again and again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
