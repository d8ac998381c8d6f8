"""Section 1: explicit contracts and settings, independent services, owners, waivers."""

from collections.abc import Iterator

from fleetwright_cli.standard import _kinds as kinds
from fleetwright_cli.standard._commands import runs_anywhere
from fleetwright_cli.standard._owners import owners_of, teams
from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard._rule import Breach, checks
from fleetwright_cli.standard._settings import documented, settings_of
from fleetwright_cli.standard._waivers import (
    approvers,
    faults,
    line_of,
    unknown_approvers,
)

MOST_WAYS = 10


@checks("PHI-01")
def simple_functions(repository: Repository) -> Iterator[Breach]:
    """Yield functions with more ways through them than a reader can hold."""
    for unit in repository.units:
        for path in unit.sources:
            for one in repository.python(path).functions:
                if one.complexity > MOST_WAYS:
                    what = f"{one.name} has {one.complexity} ways through it"
                    yield Breach(path, one.line, f"{what}, more than {MOST_WAYS}")


@checks("PHI-03")
def contracts_committed(repository: Repository) -> Iterator[Breach]:
    """Yield services whose promise to others is in no file."""
    for service in repository.services:
        for kind, wanted in kinds.promises(repository, service):
            files = list(kinds.contracts(repository, service, kind))
            if not files:
                yield Breach(service.folder, 1, f"no {wanted} is committed")


@checks("PHI-04")
def settings_documented(repository: Repository) -> Iterator[Breach]:
    """Yield services without settings, and examples that tell another story."""
    for service in repository.python_services:
        found = settings_of(repository, service)
        if not found and service.sources:
            yield Breach(service.folder, 1, "no settings class tells what it reads")
        example = service.path(".env.example")
        if not found or not repository.tree.has(example):
            continue
        said = documented(repository.text(example))
        known = {name for one in found for name in one.known}
        wanted = {name for one in found for name in one.own}
        for name in sorted(wanted - said.keys()):
            yield Breach(example, 1, f"{name} is read, but not shown here")
        for name in sorted(said.keys() - known):
            yield Breach(
                example, said[name], f"{name} is shown, but no setting reads it"
            )


@checks("PHI-06")
def independent_images(repository: Repository) -> Iterator[Breach]:
    """Yield images that are built from another service's files."""
    folders = {one.folder: one.name for one in repository.services}
    for service in repository.services:
        path = service.path("Dockerfile")
        for stage in repository.dockerfile(path).stages:
            for one in stage.all("COPY", "ADD"):
                for source in one.words[:-1]:
                    folder = "/".join(source.removeprefix("./").split("/")[:2])
                    if folder in folders and folder != service.folder:
                        yield Breach(path, one.line, f"it copies from {folder}")


@checks("OWN-01")
def owned(repository: Repository) -> Iterator[Breach]:
    """Yield services that no line of CODEOWNERS gives to anyone."""
    for service in repository.services:
        if not owners_of(repository, service.folder):
            yield Breach(service.folder, 1, "no line of CODEOWNERS names its owner")


@checks("WVR-01")
def check_runs(repository: Repository) -> Iterator[Breach]:
    """Yield a repository in which nothing runs this check by itself."""
    if not repository.services or runs_anywhere(repository, "fleet", "check"):
        return
    path = repository.workflows[0] if repository.workflows else ".github/workflows"
    yield Breach(path, 1, "no step of a pipeline and no hook runs `fleet check`")


@checks("WVR-02")
def justified(repository: Repository) -> Iterator[Breach]:
    """Yield waivers and silenced tools that do not say what or why."""
    for number, waiver in enumerate(repository.manifest.waivers):
        line = line_of(repository, number)
        for fault in faults(repository, waiver):
            yield Breach("fleet.toml", line, f"the waiver of {waiver.rule} {fault}")
    for unit in repository.units:
        yield from _silenced(repository, unit)


@checks("WVR-03")
def agreed(repository: Repository) -> Iterator[Breach]:
    """Yield waivers that fewer than two of the owners stand behind."""
    known = teams(repository)
    for number, waiver in enumerate(repository.manifest.waivers):
        line = line_of(repository, number)
        if len(approvers(waiver)) < 2:
            what = "is approved by fewer than two"
            yield Breach("fleet.toml", line, f"the waiver of {waiver.rule} {what}")
        for name in unknown_approvers(waiver, known):
            what = f"is approved by {name}, whom CODEOWNERS does not know"
            yield Breach("fleet.toml", line, f"the waiver of {waiver.rule} {what}")


def _silenced(repository: Repository, unit: Unit) -> Iterator[Breach]:
    """Yield the comments of a unit's code that silence a tool without a word."""
    for path in unit.sources:
        for one in repository.python(path).suppressions:
            if not one.has_code and one.kind in {"noqa", "type: ignore"}:
                yield Breach(
                    path, one.line, f"`{one.kind}` names nothing that it silences"
                )
            elif not one.has_reason:
                yield Breach(path, one.line, f"`{one.kind}` gives no reason")
