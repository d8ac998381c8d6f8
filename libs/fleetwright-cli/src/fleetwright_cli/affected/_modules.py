"""Names of modules to the files they may be, and files to what they import."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import PurePosixPath

from fleetwright_cli.standard import Repository
from fleetwright_cli.standard._shapes import words_at
from fleetwright_cli.standard.parsed import Import, Python

_RELATIVE = re.compile(rb"^\s*from\s+\.", re.MULTILINE)
_TYPES_ONLY = re.compile(
    r"^if (?:typing\.)?TYPE_CHECKING:.*\n(?:(?:[ \t]+.*)?\n)+", re.MULTILINE
)
# No line is left out.
ALL_LINES = frozenset[int]()
Unused = Mapping[str, frozenset[int]]
_STARTS = ("importlib.import_module", "__import__", "runpy.")


class Modules:
    """Which file imports which; every guess errs towards more.

    Files that are gone count as there: who still imports them must be tested.
    """

    def __init__(self, repository: Repository, gone: Iterable[str] = ()) -> None:
        """Take up the names of all modules.

        Args:
            repository: The files.
            gone: Paths that were there before.
        """
        self._repository = repository
        self._paths = {path for path in repository.tree.entries if path.endswith(".py")}
        self._paths |= {path for path in gone if path.endswith(".py")}
        self._by_name: dict[str, list[str]] = {}
        for root in self._roots():
            for path in self._paths:
                if path.startswith(f"{root}/"):
                    self._by_name.setdefault(_dotted(path, root), []).append(path)
        tops = {name.partition(".")[0] for name in self._by_name}
        tops = {re.escape(one) for one in tops if len(one) > 2}
        self._said = re.compile(rf"\b(?:{'|'.join(sorted(tops)) or '$.'})(?:\.\w+)+")
        self._direct = cache(self._imported)
        self._loaded = cache(self._read_loaded)
        self.said_in = cache(self._read_said)
        self._own = {
            path: name for name, all_ in self._by_name.items() for path in all_
        }

    def imported_by(self, path: str) -> frozenset[str]:
        """Return the files that one file imports, packages around them included.

        Args:
            path: A Python file; one that is gone imports nothing.
        """
        return self._direct(path, ALL_LINES)

    def closure(self, paths: Iterable[str], unused: Unused | None = None) -> set[str]:
        """Return files with all that they import, directly and through others.

        Args:
            paths: Python files.
            unused: Lines of files that are not looked at.
        """
        dead = unused or {}
        found: set[str] = set()
        ahead = list(paths)
        while ahead:
            path = ahead.pop()
            if path not in found:
                found.add(path)
                ahead += self._direct(path, dead.get(path, ALL_LINES)) - found
        return found

    def loads_anything(self, path: str, unused: frozenset[int] = ALL_LINES) -> bool:
        """Return whether a file imports modules whose names nobody can read off it.

        Args:
            path: A Python file.
            unused: Its lines that are not looked at.
        """
        return any(name is None for name in self._loaded(path, unused))

    def _read_said(self, text: str) -> set[str]:
        """Return the modules that a text names anywhere: `"orders.app:create_app"`.

        Args:
            text: Of a Python file.
        """
        names = self._said.findall(text)
        return {one for name in names for one in self._files(name)}

    def named(self, module: str) -> set[str]:
        """Return the files of a module and of the packages around it.

        Args:
            module: Its dotted name.
        """
        return set(self._files(module))

    def _roots(self) -> Iterator[str]:
        """Yield the folders that modules are found in by their names."""
        for unit in self._repository.units:
            yield unit.path("src")
        settings = self._repository.toml("pyproject.toml")
        for one in words_at(settings, "tool", "pytest", "ini_options", "pythonpath"):
            yield one.strip("/")

    def _imported(self, path: str, unused: frozenset[int]) -> frozenset[str]:
        """Return what a file imports."""
        if path not in self._repository.tree.entries:
            return frozenset()
        unseen = self._for_types(path) | unused
        found: set[str] = set()
        for one in self._repository.python(path).imports:
            if one.line not in unseen:
                found |= self._by_statement(one, path)
        content = self._repository.tree.read(path)
        if _RELATIVE.search(content):
            beside = set(_relative(content, path))
            both = (f"{one}{end}" for one in beside for end in (".py", "/__init__.py"))
            found |= self._paths.intersection(both)
        if not self._is_lazy(path):
            for loaded in self._loaded(path, unused):
                found |= set(self._files(loaded or ""))
        return frozenset(found - {path})

    def _by_statement(self, one: Import, path: str) -> set[str]:
        """Return what a statement imports, and what that makes a package load."""
        found: set[str] = set()
        for name in (one.module, *(f"{one.module}.{each}" for each in one.names)):
            found |= set(self._files(name, beside=path))
        asked = {
            name
            for name in one.names or ("*",)
            if f"{one.module}.{name}" not in self._by_name
        }
        for package in self._by_name.get(one.module, ()):
            if asked - self._bound(package):
                found |= self._on_demand(package)
        return found

    def _is_lazy(self, path: str) -> bool:
        """Return whether a module has a `__getattr__`: it loads what is asked for."""
        if not self._repository.tree.has(path):
            return False
        functions = self._repository.python(path).functions
        return any(one.name == "__getattr__" for one in functions)

    def _on_demand(self, path: str) -> set[str]:
        """Return the modules that a module loads when it is asked for their names."""
        if not self._is_lazy(path):
            return set()
        return {
            one
            for name in self._loaded(path, ALL_LINES)
            for one in self._files(name or "")
        }

    def _bound(self, path: str) -> set[str]:
        """Return the names that a module has from the beginning."""
        if not self._is_lazy(path):
            return set()
        facts = self._repository.python(path)
        unseen = self._for_types(path)
        bound = {one.name for one in facts.classes}
        bound |= {one.name for one in facts.functions}
        for one in facts.imports:
            bound |= set(() if one.line in unseen else one.names)
        return bound

    def _for_types(self, path: str) -> set[int]:
        """Return the lines that only type checkers see: nothing of them is imported."""
        text = self._repository.text(path)
        return {
            line
            for block in _TYPES_ONLY.finditer(text)
            for line in _lines(text, block.start(), block.end())
        }

    def _read_loaded(self, path: str, unused: frozenset[int]) -> list[str | None]:
        """Return modules that a file imports by name; None for what cannot be told."""
        if path not in self._repository.tree.entries or not _starts(
            self._repository.python(path)
        ):
            return []
        own = self._own.get(path, "")
        found: list[str | None] = []
        for node in ast.walk(ast.parse(self._repository.tree.read(path))):
            if isinstance(node, ast.Call) and _is_loading(node, unused):
                found += self._names(node.args[0] if node.args else None, own)
        return found

    def _names(self, node: ast.expr | None, own: str) -> list[str | None]:
        """Return the modules that the argument of a loading call may name."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [node.value]
        if isinstance(node, ast.JoinedStr) and node.values:
            first, *rest = node.values
            prefix = _text_of(first, own)
            if rest and isinstance(first, ast.FormattedValue):
                prefix += _text_of(rest[0], own)
            if prefix.endswith(".") and len(prefix) > 1:
                return [name for name in self._by_name if name.startswith(prefix)]
        return [None]

    def _files(self, name: str, beside: str = "") -> Iterator[str]:
        """Yield the files that a dotted name stands for, from the outside in."""
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            yield from self._by_name.get(".".join(parts[:end]), ())
        if "/tests/" in beside or beside.startswith("tests/"):
            # pytest lets tests import what lies beside them and beside their folders.
            for folder in PurePosixPath(beside).parents:
                yield from self._below(str(folder), parts)
                if folder.name == "tests":
                    break

    def _below(self, folder: str, parts: list[str]) -> Iterator[str]:
        """Yield the files that a name stands for in a folder."""
        for end in range(1, len(parts) + 1):
            stem = "/".join((folder, *parts[:end]))
            for path in (f"{stem}.py", f"{stem}/__init__.py"):
                if path in self._paths:
                    yield path


def _lines(text: str, begin: int, end: int) -> range:
    """Return the numbers of the lines between two places of a text."""
    first = text.count("\n", 0, begin) + 1
    return range(first, first + text.count("\n", begin, end))


def _dotted(path: str, root: str) -> str:
    """Return the name of the module in a file below a root."""
    stem = path[len(root) + 1 :].removesuffix(".py").removesuffix("/__init__")
    return stem.replace("/", ".")


def _relative(content: bytes, path: str) -> Iterator[str]:
    """Yield where relative imports lead, as paths without an ending."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = PurePosixPath(path)
            for _ in range(node.level):
                folder = folder.parent
            module = folder.joinpath(*(node.module or "").split("."))
            yield str(module)
            yield from (str(module / alias.name) for alias in node.names)


def _starts(facts: Python) -> bool:
    """Return whether a file imports modules by their names."""
    return any(one.name.startswith(_STARTS) for one in facts.calls)


def _is_loading(node: ast.Call, unused: frozenset[int]) -> bool:
    """Return whether a call that is looked at imports what its argument names."""
    if node.lineno in unused:
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    name = node.func.id if isinstance(node.func, ast.Name) else name
    return name in {"import_module", "__import__", "run_module", "run_path"}


def _text_of(node: ast.expr, own: str) -> str:
    """Return a part of an f-string where it can be told: a text, or `__name__`."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    value = node.value if isinstance(node, ast.FormattedValue) else None
    return own if isinstance(value, ast.Name) and value.id == "__name__" else ""
