"""Folders to services and libraries; never runs their code."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.fleet._manifest import NAME, Manifest, read_manifest

_LIBRARY_LINE = re.compile(r"^\s*(?:-e|--editable)[\s=]+([^\s\[#]+)")


@dataclass(frozen=True, slots=True)
class Library:
    """A library of the fleet.

    Attributes:
        name: Its folder's name, also its distribution's.
        folder: Where it is.
        package: Its import package; None where there is none.
        libraries: Names of the libraries it uses itself.
    """

    name: str
    folder: Path
    package: str | None
    libraries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the fleet.

    Attributes:
        name: Its folder's name.
        folder: Where it is.
        package: Its import package, the only one below `src/`.
        libraries: Names of the libraries it uses, directly or through others.
    """

    name: str
    folder: Path
    package: str
    libraries: tuple[str, ...] = ()

    @property
    def app(self) -> str:
        """What `fleetwright.serve` is asked to serve."""
        return f"{self.package}.app:create_app"

    @property
    def requirements(self) -> Path:
        """Its direct requirements."""
        return self.folder / "requirements.in"

    @property
    def lock(self) -> Path:
        """Its locked requirements."""
        return self.folder / "requirements.txt"


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet on disk.

    Attributes:
        root: The folder with fleet.toml.
        manifest: What fleet.toml says.
        services: By name, in alphabetical order.
        libraries: By name, in alphabetical order.
    """

    root: Path
    manifest: Manifest
    services: dict[str, Service]
    libraries: dict[str, Library]

    @property
    def vendored(self) -> tuple[str, ...]:
        """Libraries that are written and tested elsewhere."""
        return self.manifest.fleet.vendored

    def chosen(self, names: list[str] | None) -> list[Service]:
        """Return the services that were named, or all.

        Args:
            names: What was typed; empty or None for all.

        Raises:
            FleetError: There is no such service.
        """
        for name in names or ():
            if name not in self.services:
                raise FleetError(
                    f"there is no service `{name}`",
                    where=f"the fleet has: {', '.join(self.services) or 'none'}",
                    hint="name one of these, or none for all",
                    exit_code=WRONG_ARGUMENTS,
                )
        return [self.services[name] for name in names or self.services]


def find_root(start: Path | None = None) -> Path:
    """Return the nearest folder with a fleet.toml, from here upwards.

    Args:
        start: Where to begin; the working directory when None.

    Raises:
        FleetError: There is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / NAME).is_file():
            return folder
    raise FleetError(
        f"no {NAME} here or above",
        where=str(here),
        hint="change into a fleet's folder",
        exit_code=WRONG_ARGUMENTS,
    )


def discover(root: Path | None = None) -> Fleet:
    """Return the fleet around here.

    Args:
        root: Its root; found from the working directory when None.

    Raises:
        FleetError: There is no fleet, or a folder is not what it should be.
    """
    root = (root or find_root()).resolve()
    manifest = read_manifest(root)
    libraries = {
        folder.name: Library(
            folder.name,
            folder,
            _package(folder),
            direct_libraries(folder / "requirements.in"),
        )
        for folder in sorted(root.glob(manifest.fleet.libraries))
        if (folder / "pyproject.toml").is_file()
    }
    services = {
        folder.name: _service(folder, libraries)
        for folder in sorted(root.glob(manifest.fleet.services))
        if (folder / "src").is_dir()
    }
    return Fleet(root, manifest, services, libraries)


def _service(folder: Path, libraries: dict[str, Library]) -> Service:
    """Return the service in a folder."""
    package = _package(folder)
    if package is None:
        raise FleetError(
            f"service `{folder.name}` does not have exactly one package",
            where=f"{folder / 'src'} needs one folder with an __init__.py",
            hint=f"keep or make {folder.name.replace('-', '_')}/__init__.py there",
        )
    wanted = list(direct_libraries(folder / "requirements.in"))
    closure: list[str] = []
    while wanted:
        name = wanted.pop(0)
        if name in closure:
            continue
        if name not in libraries:
            raise FleetError(
                f"service `{folder.name}` uses library `{name}`, which is not there",
                where=str(folder / "requirements.in"),
                hint=f"the fleet's libraries: {', '.join(libraries) or 'none'}",
            )
        closure.append(name)
        wanted += libraries[name].libraries
    return Service(folder.name, folder, package, tuple(sorted(closure)))


def with_needed(names: Iterable[str], libraries: dict[str, Library]) -> list[str]:
    """Return libraries with those that they use themselves, each once.

    Args:
        names: Which ones; names of none are left out.
        libraries: All libraries of the fleet.
    """
    found: list[str] = []
    wanted = list(names)
    while wanted:
        name = wanted.pop(0)
        if name in libraries and name not in found:
            found.append(name)
            wanted += libraries[name].libraries
    return found


def _package(folder: Path) -> str | None:
    """Return the only import package below `src/`, or None."""
    found = sorted(path.parent.name for path in folder.glob("src/*/__init__.py"))
    return found[0] if len(found) == 1 else None


def direct_libraries(requirements: Path) -> tuple[str, ...]:
    """Return the names of libraries that a requirements.in installs by path.

    Args:
        requirements: The file; it may be missing.
    """
    if not requirements.is_file():
        return ()
    lines = requirements.read_text(encoding="utf-8").splitlines()
    found = (match for line in lines if (match := _LIBRARY_LINE.match(line)))
    return tuple(Path(match[1]).name for match in found)
