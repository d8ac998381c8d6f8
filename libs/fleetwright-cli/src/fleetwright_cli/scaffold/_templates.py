"""The files of a fleet, a service or a library, as the templates say them now."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from fleetwright_cli.scaffold._answers import (
    Answers,
    FleetAnswers,
    LibraryAnswers,
    ServiceAnswers,
)
from fleetwright_cli.scaffold._render import Value, Values, render

FOLDER = Path(__file__).parent / "templates"
SUFFIX = ".tmpl"
VENDORED = ("fleetwright", "fleetwright-cli", "fleetwright-contracts")

Files = dict[str, str]


def folder_of(answers: Answers) -> str:
    """Return where a unit is, below the fleet's root; empty for the fleet itself."""
    if isinstance(answers, ServiceAnswers):
        return f"services/{answers.name}"
    return f"libs/{answers.name}" if isinstance(answers, LibraryAnswers) else ""


def files_of_service(service: ServiceAnswers, fleet: FleetAnswers) -> Files:
    """Return the files of a service, with the library of what it promises over gRPC.

    Args:
        service: What it is made with.
        fleet: The fleet it is for.
    """
    values = {**fleet.values(), **service.values()}
    folder = folder_of(service)
    found = _rendered("service", folder, values)
    found |= _rendered(f"service-{service.framework}", folder, values)
    if service.framework == "grpc":
        found |= _rendered("contract", f"libs/{service.contract}", values)
    return found


def files_of_library(library: LibraryAnswers, fleet: FleetAnswers) -> Files:
    """Return the files of a library.

    Args:
        library: What it is made with.
        fleet: The fleet it is for.
    """
    values = {**fleet.values(), **library.values()}
    return _rendered("library", folder_of(library), values)


def files_of_fleet(
    fleet: FleetAnswers,
    services: Iterable[ServiceAnswers],
    libraries: Iterable[LibraryAnswers],
) -> Files:
    """Return the files at the root, which name all services and libraries.

    Args:
        fleet: What it is made with.
        services: Its services.
        libraries: Its own libraries.
    """
    inside = sorted(services, key=lambda one: one.name)
    values: dict[str, Value] = {
        **fleet.values(),
        "services": [one.values() for one in inside],
        "libraries": [
            one.values() for one in sorted(libraries, key=lambda one: one.name)
        ],
        "vendored": [{"vendored_name": one} for one in VENDORED],
        "any": bool(inside),
    }
    return _rendered("fleet", "", values)


def _rendered(layer: str, folder: str, values: Values) -> Files:
    """Return the files of one folder of templates; what renders to nothing is none."""
    prefix = f"{folder}/" if folder else ""
    found = {}
    for name, template in _templates(layer):
        text = render(template, values)
        if text.strip() or not template.strip():
            # Git keeps files called .env.* out, also those that make an example of one.
            place = name.replace("_dot_", ".")
            place = place.replace("_package_", str(values.get("package", "")))
            place = place.replace("_contract_", str(values.get("contract_package", "")))
            found[prefix + place] = text
    return found


@cache
def _templates(layer: str) -> Sequence[tuple[str, str]]:
    """Return the templates of a folder: names without their ending, and texts."""
    return tuple(_read(FOLDER / layer))


def _read(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield every template below a folder, in order."""
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        name = path.relative_to(folder).as_posix().removesuffix(SUFFIX)
        yield name, path.read_text("utf-8")
