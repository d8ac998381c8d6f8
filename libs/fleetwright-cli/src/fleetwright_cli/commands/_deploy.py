"""fleet deploy: files for Compose and Kubernetes from the tree, and a release."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fleetwright_cli._errors import NOT_COMPLIANT, WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer, paint
from fleetwright_cli.deploy._facts import World
from fleetwright_cli.deploy._files import Stale, mend
from fleetwright_cli.deploy._rights import FILE as RIGHTS
from fleetwright_cli.deploy._rights import rights_files
from fleetwright_cli.deploy._yaml import written
from fleetwright_cli.deploy.compose._kept import composed
from fleetwright_cli.deploy.images._builds import FOLDER as STATEMENTS
from fleetwright_cli.deploy.images._inputs import default_image, tag_of
from fleetwright_cli.deploy.images._provenance import digests
from fleetwright_cli.deploy.images._pushed import pushed_digests
from fleetwright_cli.deploy.kubernetes._cluster import Cluster, Fault
from fleetwright_cli.deploy.kubernetes._kubectl import Kubectl
from fleetwright_cli.deploy.kubernetes._release import ROLLOUT_SECONDS, Release
from fleetwright_cli.deploy.kubernetes._rendered import rendered
from fleetwright_cli.deploy.kubernetes._rules import faults
from fleetwright_cli.deploy.kubernetes._schemas import has_schemas, schema_faults
from fleetwright_cli.deploy.kubernetes._tree import FOLDER, files, namespace_of
from fleetwright_cli.deploy.kubernetes._words import Object
from fleetwright_cli.fleet import discover, find_root
from fleetwright_cli.standard import open_repository

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Environment = Annotated[
    str | None, typer.Option(help="The environment; all that fleet.toml has for none.")
]
Check = Annotated[
    bool, typer.Option("--check", help="Change nothing; exit 1 on what is stale.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


OWN = (f"{FOLDER}/**/*.yaml", RIGHTS)


@app.callback()
def deploy() -> None:
    """Write files for Compose and Kubernetes from the tree; release."""


@app.command()
def kubernetes(
    *,
    environment: Environment = None,
    check: Check = False,
    render: Annotated[
        bool, typer.Option("--render", help="Print an environment's objects, tagged.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Release to the environment by kubectl.")
    ] = False,
    context: Annotated[
        str, typer.Option(help="The context of kubectl; the current one for none.")
    ] = "",
    tag: Annotated[
        str, typer.Option(help="The tag of all images; the digest of each for none.")
    ] = "",
    registry: Annotated[
        str, typer.Option(help="Where the images are; fleet.toml's for none.")
    ] = "",
    base_image: Annotated[
        str, typer.Option(envvar="BASE_IMAGE", help="What images are built on.")
    ] = "",
    signed_by: Annotated[
        Path | None,
        typer.Option(help="Only images that this public key (PEM) vouches for."),
    ] = None,
    statements: Annotated[
        Path, typer.Option(help="Where `fleet build --sign` left what it says of them.")
    ] = Path(STATEMENTS),
    pushed: Annotated[
        Path | None,
        typer.Option(help="What `fleet build --push --json` said: those digests run."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, help="Longest wait for a service's pods, seconds.")
    ] = ROLLOUT_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Write Kustomize files under deploy/kubernetes, hold them to rules, release.

    With them what each service may do on RabbitMQ: deploy/rabbit/rights.json.

    Examples: `fleet deploy kubernetes`, `fleet deploy kubernetes --check`,
    `fleet deploy kubernetes --environment staging --apply`.
    Migrations run before pods change; a release that does not come up is taken back.
    With `--signed-by KEY` pods run images by the digest that was signed, no others;
    with `--pushed FOLDER` by the digest that the registry gave when they were pushed.
    """
    world = _world()
    printer = Printer(as_json=as_json)
    chosen = _environments(world, environment)
    if render or apply:
        if environment is None or check or (render and apply):
            raise FleetError(
                "one of `--render`, `--apply` and `--check`, for one environment",
                hint="fleet deploy kubernetes --environment staging --apply",
                exit_code=WRONG_ARGUMENTS,
            )
        tags = _tags(world, tag, base_image)
        place = registry or world.manifest.deploy.registry
        known = {}
        if pushed:
            known = pushed_digests(place, tags, pushed)
        if signed_by:
            known = digests(place, tags, world.fleet.root / statements, signed_by)
        objects = rendered(world, environment, tags, registry=registry, digests=known)
        cluster = _sound(printer, world, environment, objects)
        if render:
            printer.data({"objects": cluster.objects}, written(cluster.objects))
        else:
            kubectl = Kubectl(namespace_of(world, environment), context)
            release = Release(cluster, kubectl, printer.talk, rollout_seconds=timeout)
            release.run()
            said = {"done": release.done, "tags": tags}
            printer.data(said, "\n".join(release.done))
        return
    wanted = files(world) | rights_files(world)
    stale = mend(world.fleet.root, wanted, OWN, check=check)
    broken = {}
    for name in chosen:
        cluster = Cluster(rendered(world, name), world.facts)
        if found := _faults(cluster):
            broken[name] = found
    if not has_schemas():
        printer.talk("the schemas of Kubernetes are not installed: kubernetes-validate")
    _tell(printer, stale, broken, checks=check)
    if broken or (check and stale):
        raise typer.Exit(NOT_COMPLIANT)


@app.command()
def compose(*, check: Check = False, as_json: AsJson = False) -> None:
    """Write docker-compose.yml: all services, and real servers for them.

    Examples: `fleet deploy compose`, `fleet deploy compose --check`.
    For docker-compose 1.29 and v2. Services with migrations have a database of
    PostgreSQL each, and `[deploy] broker` of fleet.toml says which broker they use;
    the servers they do not use start by `--profile infra`.
    """
    stale = composed(find_root(), check=check)
    _tell(Printer(as_json=as_json), stale, {}, checks=check)
    if check and stale:
        raise typer.Exit(NOT_COMPLIANT)


def _world() -> World:
    """Return the fleet around here with what is known of it."""
    fleet = discover()
    repository = open_repository(fleet.root)
    world = World(fleet, repository)
    _ = world.facts
    repository.facts.keep()
    return world


def _environments(world: World, asked: str | None) -> list[str]:
    """Return the environments that are meant."""
    known = list(world.manifest.deploy.environments)
    if asked is None:
        return known
    if asked not in known:
        raise FleetError(
            f"there is no environment `{asked}`",
            where=f"fleet.toml has: {', '.join(known) or 'none'}",
            hint=f"add a table [deploy.environments.{asked}]",
            exit_code=WRONG_ARGUMENTS,
        )
    return [asked]


def _tags(world: World, tag: str, base_image: str) -> dict[str, str]:
    """Return the tag of each service's image."""
    base = base_image or default_image(world)
    return {name: tag or tag_of(world, name, base) for name in world.facts}


def _sound(
    printer: Printer, world: World, environment: str, objects: list[Object]
) -> Cluster:
    """Return an environment as a whole; end when a rule is broken."""
    cluster = Cluster(objects, world.facts)
    found = _faults(cluster)
    if found:
        _tell(printer, [], {environment: found})
        raise typer.Exit(NOT_COMPLIANT)
    return cluster


def _faults(cluster: Cluster) -> list[Fault]:
    """Return what is wrong with an environment's objects."""
    found = list(faults(cluster))
    return found + list(schema_faults(cluster.objects)) if has_schemas() else found


def _tell(
    printer: Printer,
    stale: list[Stale],
    broken: dict[str, list[Fault]],
    *,
    checks: bool = False,
) -> None:
    """Say what was written, or is stale, and what is wrong."""
    lines = [f"{paint(one.state, 'yellow')} {one.path}" for one in stale]
    document: dict[str, Any] = {
        "files": [{"path": one.path, "state": one.state} for one in stale],
        "faults": [
            {"environment": name, "object": it.where, "what": it.what, "rule": it.rule}
            for name, found in broken.items()
            for it in found
        ],
    }
    for name, found in broken.items():
        lines += [
            f"{paint('fault', 'red')} {name}: {it.where}: {it.what}\n  rule: {it.rule}"
            for it in found
        ]
    printer.data(document, "\n".join(lines) or "all is as the tree says")
    if checks and stale:
        printer.error("files are stale\nhint: run the command without `--check`")
