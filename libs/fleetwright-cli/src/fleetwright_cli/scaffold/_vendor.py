"""The runtime, the tool and the contract engine, carried in the fleet that uses them.

They are on no index. A copy below `libs/` is installed by path like any library of the
fleet, so that a clone needs nothing but the index of the locked packages.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from fleetwright_cli._digests import digest_of
from fleetwright_cli._errors import FleetError
from fleetwright_cli.scaffold._templates import VENDORED

_ALONE = ("pyproject.toml", "README.md", "LICENSE")
_MADE = ("__pycache__", ".egg-info")


def home() -> Path:
    """Return the folder of the repository from which this tool runs.

    Raises:
        FleetError: It was installed without its source.
    """
    libs = Path(__file__).resolve().parents[4]
    missing = [one for one in VENDORED if not (libs / one / "pyproject.toml").is_file()]
    if missing:
        raise FleetError(
            f"the source of {', '.join(missing)} is not beside this tool",
            where=str(libs),
            hint="run it from a clone of Fleetwright, or from a fleet that it made",
        )
    return libs.parent


def vendored_digest(root: Path, name: str) -> str:
    """Return what a vendored library is; empty where it is not.

    Args:
        root: The folder with `libs/`.
        name: The library.
    """
    folder = root / "libs" / name
    parts: list[bytes | str] = []
    for path in sources_of(folder):
        if path.name != "LICENSE":
            parts += [path.relative_to(folder).as_posix(), path.read_bytes()]
    return digest_of(*parts) if parts else ""


def vendor(root: Path, name: str) -> None:
    """Put a library of this tool's repository into a fleet, in the place of its own.

    Args:
        root: The fleet's folder.
        name: The library.
    """
    source, target = home() / "libs" / name, root / "libs" / name
    shutil.rmtree(target, ignore_errors=True)
    for path in sources_of(source):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    licence = home() / "LICENSE"
    if licence.is_file() and not (target / "LICENSE").is_file():
        shutil.copyfile(licence, target / "LICENSE")


def sources_of(folder: Path) -> Iterator[Path]:
    """Yield the files of a library that are neither its tests nor made from others."""
    yield from (path for name in _ALONE if (path := folder / name).is_file())
    for path in sorted((folder / "src").rglob("*")):
        inside = path.relative_to(folder).parts
        if path.is_file() and not any(one.endswith(_MADE) for one in inside):
            yield path
