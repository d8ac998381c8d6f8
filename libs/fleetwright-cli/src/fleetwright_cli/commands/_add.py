"""fleet add: a service or a library in this fleet."""

from pathlib import Path
from typing import Annotated

import typer

from fleetwright_cli._errors import NOT_COMPLIANT, FleetError
from fleetwright_cli._printer import Printer, paint
from fleetwright_cli.fleet import Fleet, discover
from fleetwright_cli.scaffold import (
    Added,
    FleetAnswers,
    Framework,
    LibraryAnswers,
    Record,
    ServiceAnswers,
    add_library,
    add_service,
    files_of_library,
    files_of_service,
    owner_by_git,
    owner_of,
    require_name,
)

RUNTIME = "fleetwright"

add = typer.Typer(
    help="Add a service or a library to this fleet.\n\n"
    "Examples: `fleet add service billing --database --events`, "
    "`fleet add lib money`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
Owner = Annotated[
    str | None,
    typer.Option(help="Who answers for it, as in CODEOWNERS; the fleet's by default."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the files, write none.")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@add.command("service")
def service(
    name: Annotated[str, typer.Argument(help="Its name, in kebab-case.")],
    *,
    framework: Annotated[
        Framework, typer.Option(help="How it is served; a worker hears events only.")
    ] = "fastapi",
    database: Annotated[
        bool, typer.Option("--database", help="It keeps something.")
    ] = False,
    events: Annotated[
        bool, typer.Option("--events", help="It publishes; a worker hears.")
    ] = False,
    owner: Owner = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Add a service.

    Examples: `fleet add service billing --database --events`,
    `fleet add service rates --framework grpc`,
    `fleet add service mails --framework worker --database --events`.
    CODEOWNERS, docker-compose.yml and the README name it from then on; the pipeline
    finds it by itself.
    """
    fleet = discover()
    record = Record(fleet.root)
    _require_free(fleet, name, "service", "fleet add service {}")
    _require_runtime(fleet)
    whose = _owner(record, fleet.root, owner)
    answers = ServiceAnswers(name, whose, framework, database, events)
    answers.require_sense()
    printer = Printer(as_json=as_json)
    if dry_run:
        _tell_files(printer, files_of_service(answers, _inside(record, fleet)))
        return
    from fleetwright_cli.deploy.compose._kept import composed

    is_ours = not composed(fleet.root, check=True)
    added = add_service(fleet.root, answers, printer.talk)
    if is_ours:
        for one in composed(fleet.root):
            printer.talk(f"{one.state} {one.path}")
    else:
        printer.talk("docker-compose.yml was edited: `fleet deploy compose` writes it")
    hint = f"fleet up {name}, fleet test {name}, fleet check"
    _tell(printer, f"service {name}", added, hint, has_root=record.fleet is not None)


@add.command("lib")
def lib(
    name: Annotated[str, typer.Argument(help="Its name, in kebab-case.")],
    *,
    owner: Owner = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Add a library.

    Example: `fleet add lib money`.
    """
    fleet = discover()
    record = Record(fleet.root)
    _require_free(fleet, name, "library", "fleet add lib {}")
    answers = LibraryAnswers(name, _owner(record, fleet.root, owner))
    printer = Printer(as_json=as_json)
    if dry_run:
        _tell_files(printer, files_of_library(answers, _inside(record, fleet)))
        return
    added = add_library(fleet.root, answers)
    hint = f"fleet test {name}, fleet check"
    _tell(printer, f"library {name}", added, hint, has_root=record.fleet is not None)


def _require_free(fleet: Fleet, name: str, what: str, command: str) -> None:
    """Refuse a name that is odd, or taken by a service, a library or a folder."""
    used = {*fleet.services, *fleet.libraries}
    used |= {
        one.removesuffix("-api") for one in fleet.libraries if one.endswith("-api")
    }
    for folder in (fleet.root / "services", fleet.root / "libs"):
        used |= {one.name for one in folder.glob("*")}
    require_name(name, what=what, command=command, used=used)


def _require_runtime(fleet: Fleet) -> None:
    """Refuse a fleet whose services could not be built on the runtime."""
    if RUNTIME not in fleet.libraries:
        raise FleetError(
            f"this fleet has no library `{RUNTIME}`, on which services are built",
            where=str(fleet.root / "libs"),
            hint="`fleet new` makes a fleet that carries it",
        )


def _owner(record: Record, root: Path, typed: str | None) -> str:
    """Return who answers for it."""
    if typed is not None:
        return owner_of(typed)
    return record.fleet.owner if record.fleet else owner_of(owner_by_git(root))


def _inside(record: Record, fleet: Fleet) -> FleetAnswers:
    """Return what the fleet was made with."""
    return record.fleet or FleetAnswers(fleet.manifest.fleet.name, "")


def _tell_files(printer: Printer, files: dict[str, str]) -> None:
    """Say which files there would be."""
    names = sorted(files)
    printer.data({"files": names, "written": False}, "\n".join(names))


def _tell(
    printer: Printer, what: str, added: Added, hint: str, *, has_root: bool
) -> None:
    """Say what was written and what could not be; end with 1 for the latter."""
    changed = [one.path for one in added.written if one.kind != "new"]
    conflicts = [one.path for one in added.conflicts]
    facts = {
        "new": [one.path for one in added.written if one.kind == "new"],
        "changed": changed,
        "conflicts": conflicts,
        "written": True,
    }
    lines = [f"added {what}: {len(added.written) - len(changed)} files"]
    lines += [f"{paint('changed', 'yellow')} {one}" for one in changed]
    if not has_root:
        lines.append(
            "this fleet was not made by `fleet new`: name it in CODEOWNERS, "
            "docker-compose.yml and the pipeline"
        )
    printer.data(facts, "\n".join([*lines, f"next: {hint}"]))
    if conflicts:
        printer.error(
            f"{', '.join(conflicts)}: edited where the new one belongs, left as it is\n"
            "hint: `fleet upgrade --conflicts` writes both, for you to settle"
        )
        raise typer.Exit(NOT_COMPLIANT)
