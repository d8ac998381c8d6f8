"""fleet build: the images of services."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from fleetwright_cli._errors import NOT_COMPLIANT
from fleetwright_cli._printer import Printer, paint
from fleetwright_cli.affected import changes_since
from fleetwright_cli.deploy._facts import World
from fleetwright_cli.deploy._files import mend
from fleetwright_cli.deploy.images._affected import is_altered
from fleetwright_cli.deploy.images._builds import LEAK_HINT, Builds, Built
from fleetwright_cli.deploy.images._dockerfile import dockerfiles
from fleetwright_cli.deploy.images._engine import Engine, find_engine
from fleetwright_cli.deploy.images._inputs import default_image, tag_of
from fleetwright_cli.deploy.images._secrets import leaks
from fleetwright_cli.fleet import Fleet, discover
from fleetwright_cli.standard import open_repository

_COLOURS = {"built": "green", "unchanged": "dim", "failed": "red"}


def build(
    services: Annotated[
        list[str] | None, typer.Argument(help="Services; none for the whole fleet.")
    ] = None,
    *,
    affected: Annotated[
        bool, typer.Option("--affected", help="Those that a change can alter.")
    ] = False,
    since: Annotated[
        str, typer.Option(help="The commit that a change is one of.")
    ] = "",
    push: Annotated[
        bool, typer.Option("--push", help="Have the registry have them, too.")
    ] = False,
    sign: Annotated[
        Path | None,
        typer.Option(
            envvar="FLEET_SIGNING_KEY",
            help="With `--push`: sign what an image is made from by this key (PEM).",
        ),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Only write the Dockerfiles; no engine.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only say which Dockerfiles are stale.")
    ] = False,
    tags: Annotated[
        bool, typer.Option("--tags", help="Only print the images' names; no engine.")
    ] = False,
    registry: Annotated[
        str, typer.Option(help="Where images are kept; fleet.toml's for none.")
    ] = "",
    base_image: Annotated[
        str, typer.Option(envvar="BASE_IMAGE", help="What images are built on.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Build the images of services, those alone that changed.

    Examples: `fleet build`, `fleet build orders --push`, `fleet build --check`,
    `fleet build --affected --since origin/main`.
    A tag is the digest of what an image is made from: equal sources, equal tag, and
    what is there already is not built again. Docker with either builder, or Podman
    (FLEET_ENGINE names one). Each image gets a bill of materials in .fleet/build, and
    with `--sign` a statement of what it was made from, about its digest there.
    """
    printer = Printer(as_json=as_json)
    fleet = _kept_in(discover(), registry)
    chosen = [one.name for one in fleet.chosen(services)]
    world = World(fleet, open_repository(fleet.root))
    if affected or since:
        changes = changes_since(fleet.root, since or None, fleet.manifest.test.against)
        everything = bool(changes.everything)
        chosen = [
            one for one in chosen if everything or is_altered(world, one, changes.paths)
        ]
        printer.talk(f"since {changes.since}: {', '.join(chosen) or 'no image'}")
    if write or check:
        _write(printer, world, check=check)
        return
    image = base_image or default_image(world)
    if tags:
        place = world.manifest.deploy.registry
        names = {one: f"{place}/{one}:{tag_of(world, one, image)}" for one in chosen}
        printer.data({"images": names}, "\n".join(names.values()))
        return
    engine = find_engine()
    printer.talk(f"{engine.kind} {engine.version}, {engine.builder}")
    builds = Builds(world, engine, image, push, printer.status, sign)
    if push and "@sha256:" not in image:
        printer.talk(_unpinned(image, engine))
    found: list[Built] = []
    for one in builds.run(chosen):
        found.append(one)
        printer.talk(_line(one))
        if one.why:
            printer.error(f"{one.service}: {one.why}\nhint: {one.hint}")
    text = "\n".join(one.image for one in found if one.state != "failed")
    printer.data({"images": [asdict(one) for one in found]}, text)
    if any(one.state == "failed" for one in found):
        raise typer.Exit(NOT_COMPLIANT)


def _kept_in(fleet: Fleet, registry: str) -> Fleet:
    """Return a fleet whose images are kept in a registry; fleet.toml's for none."""
    if not registry:
        return fleet
    deploy = fleet.manifest.deploy.model_copy(update={"registry": registry})
    manifest = fleet.manifest.model_copy(update={"deploy": deploy})
    return replace(fleet, manifest=manifest)


def _write(printer: Printer, world: World, *, check: bool) -> None:
    """Write the Dockerfiles that are the tool's, or say which are stale."""
    stale = mend(world.fleet.root, dockerfiles(world), check=check)
    world.repository.facts.keep()
    document = [{"path": one.path, "state": one.state} for one in stale]
    lines = [f"{one.state} {one.path}" for one in stale]
    printer.data({"files": document}, "\n".join(lines) or "all is as the tree says")
    found = [str(one) for name in world.facts for one in leaks(world, name)]
    for words in dict.fromkeys(found):
        printer.error(f"a secret would be in an image: {words}\nhint: {LEAK_HINT}")
    if found:
        raise typer.Exit(NOT_COMPLIANT)
    if check and stale:
        printer.error("Dockerfiles are stale\nhint: run `fleet build --write`")
        raise typer.Exit(NOT_COMPLIANT)


def _unpinned(image: str, engine: Engine) -> str:
    """Return what is to be done about a base that may be another one tomorrow."""
    digest = engine.origin(image) or "sha256:..."
    name = image.rpartition("/")[2].partition(":")[0]
    whole = f"{image.removesuffix(image.rpartition('/')[2])}{name}@{digest}"
    return (
        f"{image} is a name: what it stands for may be another image tomorrow\n"
        f'hint: [deploy] base_image = "{whole}"'
    )


def _line(one: Built) -> str:
    """Return how an image ended, in one line."""
    pushed = ", pushed" if one.sent else ", in the registry" if one.pushed else ""
    state = paint(one.state, _COLOURS[one.state])
    added = f", {one.added / 1e6:.1f} MB over its base" if one.added else ""
    return f"{one.service}: {state}{pushed} in {one.seconds:.1f} s{added}"
