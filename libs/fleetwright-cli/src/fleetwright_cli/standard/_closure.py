"""What locked packages need in turn: all of it belongs into the lock."""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard._rule import Breach
from fleetwright_cli.standard.parsed import normalised

_EXTRAS = re.compile(r"^([A-Za-z0-9][\w.-]*)\[([\w, -]+)\]", re.MULTILINE)
_VERSION = re.compile(r"^===?\s*([^\s,;\\]+)")


def unlocked(
    repository: Repository, service: Unit, python: Path
) -> Iterator[tuple[str, Breach]]:
    """Yield what a package of a lock needs and the lock does not name.

    Args:
        repository: Where the lock is.
        service: Whose lock.
        python: The interpreter of an environment that holds the packages; what is not
            installed there, or in another version, is not known.
    """
    path = service.path("requirements.txt")
    pinned = repository.requirements(path).names
    texts = (repository.text(path), repository.text(service.path("requirements.in")))
    waiting = [(name, "requirements.in", set[str]()) for name in pinned]
    for text in texts:
        for name, extras in _EXTRAS.findall(text):
            asked = set(re.split(r"\s*,\s*", extras.strip()))
            waiting.append((normalised(name), "requirements.in", asked))
    metadata = _installed(python)
    ours = {one.name for one in repository.libraries}
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, needed_by, extras = waiting.pop()
        if (name, frozenset(extras)) in seen or name in ours:
            continue
        seen.add((name, frozenset(extras)))
        if name not in pinned:
            what = f"{name}, which {needed_by} needs, is not in it"
            yield "DEP-05", Breach(path, 1, what)
            continue
        found = metadata.get(name)
        version = _VERSION.match(pinned[name].specifier)
        if found is None or version is None or found.version != version[1]:
            continue
        for one in _needs(found, extras):
            waiting.append((normalised(one.name), name, set(one.extras)))


def _installed(python: Path) -> dict[str, Distribution]:
    """Return what is installed beside an interpreter, by name."""
    places = [
        str(one) for one in python.parent.parent.glob("lib/python*/site-packages")
    ]
    return {normalised(one.name): one for one in distributions(path=places) if one.name}


def _needs(found: Distribution, extras: set[str]) -> Iterator[Requirement]:
    """Yield what a distribution needs on this machine, with some of its extras."""
    for line in found.requires or ():
        try:
            one = Requirement(line)
        except InvalidRequirement:
            continue
        marker = one.marker
        if marker is None or any(
            marker.evaluate({"extra": extra}) for extra in (extras or {""})
        ):
            yield one
