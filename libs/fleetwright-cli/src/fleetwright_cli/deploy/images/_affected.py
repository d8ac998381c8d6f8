"""Which images a change alters: by the places that they are made from."""

from fleetwright_cli.deploy._facts import World
from fleetwright_cli.deploy.images._inputs import IGNORES, ignored_by


def is_altered(world: World, service: str, paths: tuple[str, ...]) -> bool:
    """Return whether a change alters an image.

    Args:
        world: The fleet.
        service: The service's name.
        paths: The files that changed, below the root; deleted ones, too.
    """
    root, found = world.fleet.root, world.fleet.services[service]
    if IGNORES in paths:
        return True
    folders = [found.folder / "src"]
    folders += [world.fleet.libraries[one].folder / "src" for one in found.libraries]
    below = tuple(f"{one.relative_to(root).as_posix()}/" for one in folders)
    files = {
        one.relative_to(root).as_posix()
        for one in (found.folder / "Dockerfile", found.lock)
    }
    ignored = ignored_by(root)
    return any(
        path in files or (path.startswith(below) and not ignored.search(path))
        for path in paths
    )
