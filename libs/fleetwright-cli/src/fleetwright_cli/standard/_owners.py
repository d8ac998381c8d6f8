"""CODEOWNERS: who answers for a path."""

from collections.abc import Iterator

from fleetwright_cli.standard._places import pattern_of
from fleetwright_cli.standard._repository import Repository

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")


def owners_of(repository: Repository, folder: str) -> tuple[str, ...]:
    """Return who owns a folder: the last line that fits counts.

    Args:
        repository: Where CODEOWNERS is.
        folder: The folder below the root.
    """
    found: tuple[str, ...] = ()
    for pattern, owners in _lines(repository):
        if _fits(pattern, folder):
            found = owners
    return found


def teams(repository: Repository) -> set[str]:
    """Return every owner's bare name; for a team, also without its company.

    Args:
        repository: Where CODEOWNERS is.
    """
    names = {bare(one) for _, owners in _lines(repository) for one in owners}
    return names | {one.rsplit("/", 1)[-1] for one in names}


def bare(name: str) -> str:
    """Return a name without `@`, in small letters: hosts tell none by their size.

    Args:
        name: Of a person or a team.
    """
    return name.strip().lstrip("@").lower()


def _lines(repository: Repository) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield patterns with their owners."""
    path = next((one for one in PLACES if repository.tree.has(one)), "")
    for line in repository.text(path).splitlines() if path else ():
        pattern, *owners = line.split("#", 1)[0].split() or [""]
        if pattern and not pattern.startswith("["):
            yield pattern, tuple(owners)


def _fits(pattern: str, folder: str) -> bool:
    """Return whether a pattern covers a folder and all in it."""
    said = pattern.strip("/")
    if said in {"*", "**"}:
        return True
    within = said.removesuffix("/**").removesuffix("/*")
    is_anchored = pattern.startswith("/") or "/" in said
    found = pattern_of(within if is_anchored else f"**/{within}")
    return found.match(folder) is not None
