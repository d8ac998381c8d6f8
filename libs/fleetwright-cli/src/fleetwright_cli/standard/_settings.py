"""Settings classes: which variables a service reads, as its code declares them."""

from collections.abc import Iterator
from dataclasses import dataclass

from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard.parsed import Class, Field

_MOST_BASES = 20


@dataclass(frozen=True, slots=True)
class SettingsClass:
    """One settings class.

    Attributes:
        path: Where it is.
        found: The class.
        own: The variables it declares itself.
        known: All variables it reads, inherited ones included.
    """

    path: str
    found: Class
    own: tuple[str, ...]
    known: tuple[str, ...]


def settings_of(repository: Repository, unit: Unit) -> list[SettingsClass]:
    """Return the settings classes of a unit: what descends from `BaseSettings`.

    Args:
        repository: Where its libraries are, too.
        unit: The service or library.
    """
    found = []
    for path in unit.sources:
        for one in repository.python(path).classes:
            if descends(repository, one, "BaseSettings"):
                line = ancestors(repository, one)
                known = [name for each in line for name in _variables(each)]
                own = tuple(_variables(one))
                found.append(SettingsClass(path, one, own, tuple(known)))
    return found


def descends(repository: Repository, found: Class, base: str) -> bool:
    """Return whether a class is one of a kind, through the repository's own classes.

    Args:
        repository: Where the classes between are.
        found: The class.
        base: The last part of the name of what it descends from.
    """
    return any(
        name.rsplit(".", 1)[-1] == base
        for one in ancestors(repository, found)
        for name in one.bases
    )


def documented(example: str) -> dict[str, int]:
    """Return the variables of a `.env.example` with their lines; commented ones count.

    Args:
        example: Its text.
    """
    found = {}
    for number, line in enumerate(example.splitlines(), 1):
        name, sign, _ = line.lstrip("# ").removeprefix("export ").partition("=")
        if sign and name.isidentifier() and name.isupper():
            found[name] = number
    return found


def is_secret(field: Field) -> bool:
    """Return whether a field's name says that nobody should see its value."""
    words = set(field.name.lower().split("_"))
    return bool(words & {"password", "secret", "token", "passphrase", "apikey"}) or (
        words >= {"api", "key"} or words >= {"private", "key"}
    )


def _variables(found: Class) -> Iterator[str]:
    """Yield the variables of a class's own fields."""
    prefix = found.config.get("env_prefix", "")
    for one in found.fields:
        is_plain = not one.annotation.startswith(("ClassVar", "typing.ClassVar"))
        if is_plain and not one.name.startswith("_") and "alias" not in one.default:
            yield (prefix + one.name).upper()


def ancestors(repository: Repository, found: Class) -> Iterator[Class]:
    """Yield a class and what it inherits from, as far as it is in the repository.

    Args:
        repository: Where the classes are.
        found: The class.
    """
    waiting = [found]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_BASES:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        for base in one.bases:
            waiting += _known(repository).get(base.rsplit(".", 1)[-1], ())


def _known(repository: Repository) -> dict[str, list[Class]]:
    """Return all classes of the repository by name, made once."""
    kept: dict[str, list[Class]] | None = repository.notes.get("classes")
    if kept is None:
        kept = {}
        for unit in repository.units:
            for path in unit.sources:
                for one in repository.python(path).classes:
                    kept.setdefault(one.name, []).append(one)
        repository.notes["classes"] = kept
    return kept
