"""What an image is made from, and the tag that says so."""

import re
from collections.abc import Iterator
from fnmatch import translate
from pathlib import Path

from fleetwright_cli._digests import digest_of
from fleetwright_cli.deploy._facts import World

TAG_LETTERS = 16
IGNORES = ".dockerignore"


def tag_of(world: World, service: str, base_image: str) -> str:
    """Return the tag of a service's image: the digest of what it is made from.

    Equal inputs have equal tags, on every machine and in every checkout.

    Args:
        world: The fleet.
        service: Its name.
        base_image: The image it is built on.
    """
    root = world.fleet.root
    parts: list[bytes | str] = [base_image]
    for path in inputs(world, service):
        parts += [path.relative_to(root).as_posix(), path.read_bytes()]
    return digest_of(*parts)[:TAG_LETTERS]


def default_image(world: World) -> str:
    """Return what images are built on when nobody says otherwise.

    Args:
        world: The fleet.
    """
    return (
        world.manifest.deploy.base_image or f"python:{world.manifest.fleet.python}-slim"
    )


def inputs(world: World, service: str) -> list[Path]:
    """Return the files that an image is made from, in order.

    Args:
        world: The fleet.
        service: The service's name.
    """
    found = world.fleet.services[service]
    root = world.fleet.root
    ignored = ignored_by(root)
    folders = [found.folder / "src"]
    folders += [world.fleet.libraries[one].folder / "src" for one in found.libraries]
    files = [found.folder / "Dockerfile", found.lock]
    files += [path for folder in folders for path in _below(folder)]
    return sorted(
        path
        for path in files
        if path.is_file() and not ignored.search(path.relative_to(root).as_posix())
    )


def ignored_by(root: Path) -> re.Pattern[str]:
    """Return what finds the paths that never reach an engine.

    Args:
        root: The folder with the `.dockerignore`.
    """
    try:
        lines = (root / IGNORES).read_text("utf-8").splitlines()
    except OSError:
        lines = []
    said = [line.strip().strip("/") for line in lines]
    # `*` of Docker's stays within a folder, that of fnmatch does not.
    patterns = [
        translate(one.removeprefix("**/")).replace(".*", "[^/]*").removesuffix(r"\Z")
        for one in said
        if one and not one.startswith("#")
    ]
    deep = [one.startswith("**/") for one in said if one and not one.startswith("#")]
    found = [
        ("(^|/)" if is_deep else "^") + pattern + "(/|$)"
        for pattern, is_deep in zip(patterns, deep, strict=True)
    ]
    return re.compile("|".join(found) or r"(?!)")


def _below(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder; what Python leaves behind never counts."""
    for path in folder.rglob("*"):
        if "__pycache__" not in path.parts:
            yield path
