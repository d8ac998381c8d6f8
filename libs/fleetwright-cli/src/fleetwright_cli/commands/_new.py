"""fleet new: a fleet in an empty folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer
from fleetwright_cli.fleet import find_root
from fleetwright_cli.scaffold import (
    FleetAnswers,
    Pipeline,
    ServiceAnswers,
    files_of_fleet,
    files_of_service,
    is_inside_repository,
    make_fleet,
    owner_by_git,
    owner_of,
    require_name,
)


def new(
    path: Annotated[Path, typer.Argument(help="The folder: missing, or empty.")],
    *,
    name: Annotated[
        str | None, typer.Option(help="The fleet's name; the folder's when left out.")
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(
            help="Who answers for it, as in CODEOWNERS; git's user by default."
        ),
    ] = None,
    service: Annotated[
        str, typer.Option(help="The name of its first service.")
    ] = "hello",
    empty: Annotated[bool, typer.Option("--empty", help="No service yet.")] = False,
    ci: Annotated[Pipeline, typer.Option(help="Whose pipeline it gets.")] = "github",
    git: Annotated[bool, typer.Option(help="Make it a git repository.")] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the files, write none.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Make a fleet that passes `fleet check`, `fleet test` and `fleet up`.

    Examples: `fleet new shop`, `fleet new shop --owner @acme/platform --ci gitlab`,
    `fleet new shop --service orders --dry-run`.
    Asks nothing. It becomes a git repository, unless it is in one; the first commit is
    yours.
    """
    target = path.expanduser().absolute()
    _require_place(target)
    called = name or target.name
    typed = "fleet new {}" if name is None else f"fleet new {path} --name {{}}"
    require_name(called, what="fleet", command=typed, used=())
    near = _nearest(target)
    fleet = FleetAnswers(called, owner_of(owner or owner_by_git(near)), ci)
    first = None
    if not empty:
        typed = f"fleet new {path} --service {{}}"
        require_name(service, what="service", command=typed, used=())
        first = ServiceAnswers(service, fleet.owner)
    printer = Printer(as_json=as_json)
    inside = is_inside_repository(near)
    if not dry_run:
        make_fleet(target, fleet, first, git=git, tell=printer.talk, finish=_composed)
    files = _files(fleet, first)
    facts = {
        "path": str(target),
        "name": called,
        "owner": fleet.owner,
        "service": first.name if first else None,
        "git": git and not inside,
        "files": files,
        "written": not dry_run,
    }
    printer.data(facts, "\n".join(files) if dry_run else _next(path, facts))


def _composed(root: Path) -> None:
    """Write the compose file."""
    from fleetwright_cli.deploy.compose._kept import composed

    composed(root)


def _require_place(target: Path) -> None:
    """Refuse a place that holds something, or is in another fleet."""
    if target.is_dir() and any(target.iterdir()):
        some = ", ".join(sorted(one.name for one in target.iterdir())[:3])
        raise FleetError(
            f"{target.name} is not empty",
            where=f"{target}: {some} ...",
            hint="name a folder that is empty, or not there yet",
            exit_code=WRONG_ARGUMENTS,
        )
    if target.exists() and not target.is_dir():
        raise FleetError(
            f"{target.name} is a file",
            where=str(target),
            hint="name a folder that is empty, or not there yet",
            exit_code=WRONG_ARGUMENTS,
        )
    try:
        above = find_root(_nearest(target))
    except FleetError:
        return
    raise FleetError(
        "a fleet cannot be inside of another one",
        where=str(above),
        hint="`fleet add service NAME` adds to that one; or go to another folder",
        exit_code=WRONG_ARGUMENTS,
    )


def _nearest(folder: Path) -> Path:
    """Return the nearest folder above that is there."""
    return next(one for one in (folder, *folder.parents) if one.is_dir())


def _files(fleet: FleetAnswers, first: ServiceAnswers | None) -> list[str]:
    """Return the files that a fleet is made of, without libraries and locks."""
    services = [first] if first else []
    found = files_of_fleet(fleet, services, [])
    for one in services:
        found |= files_of_service(one, fleet)
    return sorted(found)


def _next(path: Path, facts: Mapping[str, object]) -> str:
    """Return what was made and what to type next."""
    lines = [f"made {facts['name']} in {path}, owned by {facts['owner']}"]
    if facts["git"]:
        lines.append(
            "git has no commit of it yet: `git add --all && git commit` is yours"
        )
    lines += ["next:", f"  cd {path}"]
    if facts["service"] is None:
        lines.append("  fleet add service NAME")
    lines += ["  fleet up", "  fleet test", "  fleet check"]
    return "\n".join(lines)
