"""What `make` runs: the lines of targets, those before them first."""

import posixpath
from collections.abc import Iterator

from fleetwright_cli.standard._places import Place, joined, within
from fleetwright_cli.standard._repository import Repository
from fleetwright_cli.standard.parsed._makefile import Target

_NAMES = ("GNUmakefile", "makefile", "Makefile")
_MOST_FILES = 10
_VALUED = frozenset(("-C", "--directory", "-f", "--file", "--makefile", "-j", "-l"))


def made_commands(
    repository: Repository, words: tuple[str, ...], folder: str
) -> Iterator[Place]:
    """Yield the commands that a call of `make` runs, each once.

    Args:
        repository: Where Makefiles are.
        words: The call, as `make -C services/web lint`.
        folder: Where it is called, below the root.
    """
    inside, file, targets = _asked(words)
    folder = joined(folder, inside)
    path = next(
        (
            one
            for name in ([file] if file else _NAMES)
            if repository.tree.has(one := joined(folder, name))
        ),
        "",
    )
    if not path:
        return
    known = _targets(repository, path)
    waiting = targets or [repository.makefile(path).first]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop(0)
        if name in seen or name not in known:
            continue
        seen.add(name)
        place, target = known[name]
        waiting += target.needs
        for line, text in target.lines:
            shell = text.replace("$(MAKE)", "make")
            yield from within(place, line - 1, shell, folder)


def _asked(words: tuple[str, ...]) -> tuple[str, str, list[str]]:
    """Return where `make` looks, in which file, and what it is to make."""
    folder, file, targets = ".", "", []
    before = ""
    for word in words[1:]:
        if before in {"-C", "--directory"}:
            folder = word
        elif before in {"-f", "--file", "--makefile"}:
            file = word
        elif word.startswith("--directory="):
            folder = word.partition("=")[2]
        elif before not in _VALUED and not word.startswith("-") and "=" not in word:
            targets.append(word)
        before = word
    return folder, file, targets


def _targets(repository: Repository, path: str) -> dict[str, tuple[str, Target]]:
    """Return the targets of a Makefile and of what it includes, each with its file."""
    found: dict[str, tuple[str, Target]] = {}
    waiting, seen = [path], set[str]()
    while waiting and len(seen) < _MOST_FILES:
        one = waiting.pop(0)
        if one in seen or not repository.tree.has(one):
            continue
        seen.add(one)
        made = repository.makefile(one)
        for name, target in made.targets.items():
            found.setdefault(name, (one, target))
        folder = posixpath.dirname(one)
        for name in made.includes:
            waiting += [joined(folder, name), joined("", name)]
    return found
