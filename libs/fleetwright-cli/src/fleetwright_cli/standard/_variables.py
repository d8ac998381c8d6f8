"""The variables that a service reads, from its typed settings; none of it is run."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard._settings import (
    SettingsClass,
    ancestors,
    is_secret,
    settings_of,
)
from fleetwright_cli.standard.parsed import Class, Field, Requirement

_READ = re.compile(
    r"(?:environ(?:\.get\(|\[|\.pop\()|getenv\()\s*[\"'](\w+)[\"']|alias\w*=[\"'](\w+)[\"']"
)
# What stands for a default that only the code can make.
COMPUTED = "computed"
_SHOUTED = re.compile(r"[\"']([A-Z][A-Z0-9_]{2,})[\"']")
_PLACES = ("_url", "_seconds", "_directory", "_file", "_path")


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable.

    Attributes:
        name: What it is called in the environment.
        kind: Its type, as the settings class says it.
        default: What counts where it is not set; None where it must be set.
        is_secret: Whether nobody should see its value.
        description: What it is.
        where: The class that reads it, with its place.
        is_own: Whether the service's own class declares it.
    """

    name: str
    kind: str
    default: str | None
    is_secret: bool
    description: str
    where: str
    is_own: bool

    @property
    def is_required(self) -> bool:
        """Whether it must be set."""
        return self.default is None


def variables_of(repository: Repository, service: Unit) -> list[Variable]:
    """Return what a service's settings read, its own first, then inherited ones.

    Args:
        repository: Where its libraries are, too.
        service: The service.
    """
    found: dict[str, Variable] = {}
    for settings in settings_of(repository, service):
        for kind in ancestors(repository, settings.found):
            for one in _of_class(repository, kind, settings):
                found.setdefault(one.name, one)
    return sorted(found.values(), key=lambda one: not one.is_own)


def known_names(repository: Repository, service: Unit) -> set[str]:
    """Return every variable that a service or a library it uses may read.

    Args:
        repository: Where they are.
        service: The service.
    """
    units = [service, *libraries_of(repository, service)]
    names = {
        name
        for unit in units
        for one in settings_of(repository, unit)
        for name in one.known
    }
    for unit in units:
        for path in unit.sources:
            for found in _READ.finditer(repository.text(path)):
                names.add((found[1] or found[2]).upper())
        for one in settings_of(repository, unit):
            # Aliases, in whatever way pydantic takes them.
            names |= set(_SHOUTED.findall(repository.text(one.path)))
    return names


def libraries_of(repository: Repository, service: Unit) -> list[Unit]:
    """Return the libraries that a service requires.

    Args:
        repository: Where they are.
        service: The service.
    """
    lines: Iterable[Requirement] = ()
    if repository.tree.has(service.path("requirements.in")):
        lines = repository.requirements(service.path("requirements.in")).lines
    folders = {one.path.rstrip("/").rsplit("/", 1)[-1] for one in lines if one.path}
    return [one for one in repository.libraries if one.name in folders]


def _of_class(
    repository: Repository, kind: Class, settings: SettingsClass
) -> Iterator[Variable]:
    """Yield the variables of one class, the service's own or one it inherits from."""
    prefix = kind.config.get("env_prefix", "")
    is_own = kind is settings.found
    path = settings.path if is_own else _path_of(repository, kind)
    bare = _without_value(repository.text(path), kind)
    for one in kind.fields:
        if one.annotation.startswith(("ClassVar", "typing.ClassVar")):
            continue
        if one.name.startswith("_") or "alias" in one.default:
            continue
        name = (prefix + one.name).upper()
        where = f"{kind.name} ({path}:{one.line})"
        secret = hides(one)
        default = None if one.name in bare else default_of(one)
        yield Variable(
            name, one.annotation, default, secret, one.description, where, is_own
        )


def hides(field: Field) -> bool:
    """Return whether a field holds a secret: by its type, or by its name.

    Args:
        field: The field.
    """
    is_place = field.name.lower().endswith(_PLACES)
    return "Secret" in field.annotation or (is_secret(field) and not is_place)


def default_of(field: Field) -> str | None:
    """Return a field's default as it would stand in the environment, or None.

    Args:
        field: One with a value; `Field(...)` around it is looked into.
    """
    written = field.default
    if not re.match(r"(pydantic\.)?Field\(", written):
        return {"None": "", "...": None}.get(written, written)
    try:
        call = ast.parse(written, mode="eval").body
    except SyntaxError:
        return written  # long ones are cut
    if not isinstance(call, ast.Call):
        return written
    given = {one.arg: one.value for one in call.keywords}
    value = call.args[0] if call.args else given.get("default")
    if isinstance(value, ast.Constant):
        shown = "" if value.value is None else str(value.value)
        return None if value.value is ... else shown
    if value is None:
        return COMPUTED if "default_factory" in given else None
    return ast.unparse(value)


def _without_value(text: str, kind: Class) -> set[str]:
    """Return the fields of a class that are given no value: not even an empty one."""
    return {
        statement.target.id
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef) and node.lineno == kind.line
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and statement.value is None
    }


def _path_of(repository: Repository, kind: Class) -> str:
    """Return the file of a class."""
    for unit in repository.units:
        for path in unit.sources:
            if any(one is kind for one in repository.python(path).classes):
                return path
    return ""
