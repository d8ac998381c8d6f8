"""Files that concern whole packages: locks, pins, the settings of pytest."""

import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

from fleetwright_cli.affected._changes import Changes
from fleetwright_cli.locks import pins
from fleetwright_cli.standard import Repository

_TESTING = "requirements-test.txt"
_TOOLS = "requirements-dev.txt"
# What of fleet.toml says nothing about how tests are run.
_NO_MATTER = {"waivers", "up", "callers"}
_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)

Concern = tuple[str, str]  # name of a package, why


def concerns(repository: Repository, changes: Changes) -> Iterator[Concern]:
    """Yield the packages all of whose tests are concerned by changed pins and settings.

    Args:
        repository: The files as they are.
        changes: What changed.
    """
    services = [one.name for one in repository.services]
    libraries = [one.name for one in repository.libraries]
    everybody = services + libraries
    locks = {one.path("requirements.txt"): [one.name] for one in repository.services}
    locks |= {_TESTING: services, _TOOLS: libraries}
    parts = {"pyproject.toml": _of_tests, "fleet.toml": _of_fleet}
    for path in changes.paths:
        if path not in locks and path not in parts:
            continue
        before, after = changes.before(path) or b"", repository.tree.read(path)
        if path in parts:
            if _differ(before, after, parts[path]):
                yield from ((name, f"changed ({path})") for name in everybody)
        elif why := _moved(before, after):
            yield from (
                (name, f"pins of {path} changed ({why})") for name in locks[path]
            )


def is_lock(repository: Repository, path: str) -> bool:
    """Return whether a file is a lock: it counts by its pins, not by its text.

    Args:
        repository: Where it is.
        path: The file.
    """
    own = {one.path("requirements.txt") for one in repository.services}
    return path in own | {_TESTING, _TOOLS}


def _moved(before: bytes, after: bytes) -> str:
    """Return which pins differ; empty when no package would be another one."""
    old, new = before.decode(errors="replace"), after.decode(errors="replace")
    was, now = pins(old), pins(new)
    differ = sorted(
        name for name in was.keys() | now.keys() if was.get(name) != now.get(name)
    )
    if differ:
        more = f" and {len(differ) - 1} more" if len(differ) > 1 else ""
        name = differ[0]
        return f"{name} {was.get(name, 'none')} to {now.get(name, 'none')}{more}"
    # The same versions from other files are other packages.
    return "" if _bare(old) == _bare(new) else "other hashes"


def _bare(text: str) -> list[str]:
    """Return the lines of a lock without comments."""
    return [line for line in _COMMENT.sub("", text).split("\n") if line.strip()]


def _differ(before: bytes, after: bytes, part: Callable[[Any], Any]) -> bool:
    """Return whether a part of a TOML file differs; always when it is none."""
    try:
        return bool(part(_toml(before)) != part(_toml(after)))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError):
        return True


def _toml(content: bytes) -> dict[str, Any]:
    """Return the tables of a TOML file."""
    return tomllib.loads(content.decode())


def _of_tests(document: dict[str, Any]) -> Any:
    """Return what a pyproject.toml says of tests."""
    tool = document.get("tool", {})
    return tool.get("pytest"), tool.get("coverage")


def _of_fleet(document: dict[str, Any]) -> Any:
    """Return what a fleet.toml says of how tests are run."""
    return {name: one for name, one in document.items() if name not in _NO_MATTER}
