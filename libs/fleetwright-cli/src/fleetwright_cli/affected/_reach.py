"""What each test file may depend on: imports, plugins, processes, files it looks at."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import PurePosixPath
from typing import Any

from fleetwright_cli.affected._looks import EVERYTHING, Looks, looks_of
from fleetwright_cli.affected._modules import ALL_LINES, Modules, Unused
from fleetwright_cli.affected._parts import (
    ASKED_BY_OTHERS,
    Parts,
    parts_of,
    unused,
    words_of,
)
from fleetwright_cli.graph import Graph
from fleetwright_cli.standard import Repository
from fleetwright_cli.standard._repository import Unit
from fleetwright_cli.standard._shapes import table_at, words_at


@dataclass(frozen=True, slots=True)
class Reached:
    """What one test file may depend on.

    Attributes:
        paths: The Python files it imports, directly and through others.
        beyond: Folders and files of other packages that it looks at; `EVERYTHING`
            where it may look anywhere.
        text: Its own text, and that of the test code it imports.
    """

    paths: frozenset[str]
    beyond: frozenset[str] = frozenset()
    text: str = field(default="", repr=False)

    def looks_at(self, path: str) -> bool:
        """Return whether it reads a file by its path.

        Args:
            path: The file, below the root.
        """
        return any(
            one in {EVERYTHING, path} or path.startswith(f"{one}/")
            for one in self.beyond
        )

    def enters(self, folder: str) -> bool:
        """Return whether it imports anything below a folder.

        Args:
            folder: Below the root.
        """
        return any(one.startswith(f"{folder}/") for one in self.paths)


class Reach:
    """What the tests of a fleet may depend on; errs towards more."""

    def __init__(
        self, repository: Repository, graph: Graph, gone: Iterable[str] = ()
    ) -> None:
        """Take up the files.

        Args:
            repository: The files.
            graph: Who needs whom.
            gone: Paths that were there before.
        """
        self.modules = Modules(repository, gone)
        self._repository = repository
        self._graph = graph
        self._gone = frozenset(gone)
        self._looks = cache(self._looked)
        self._parts = cache(self._read_parts)
        self._unasked = cache(self._read_unasked)
        self.of = cache(self._reached)

    @cached_property
    def tests(self) -> dict[str, tuple[str, ...]]:
        """The test files of each service and library, by its name."""
        return {
            unit.name: tuple(path for path in unit.tests if self.is_test(path))
            for unit in self._repository.units
        }

    @cached_property
    def reached(self) -> set[str]:
        """All Python files that any test of any package reaches."""
        return {
            path
            for unit in self._repository.units
            for test in self.tests[unit.name]
            for path in self.of(unit, test).paths
        }

    def is_test(self, path: str) -> bool:
        """Return whether pytest collects tests from a file.

        Args:
            path: A Python file.
        """
        name = PurePosixPath(path).name
        return any(fnmatch(name, pattern) for pattern in self._patterns)

    def libraries(self, unit: Unit) -> set[str]:
        """Return the libraries that the environment of a unit's tests needs.

        Args:
            unit: A service or library.
        """
        found: set[str] = set()
        ahead = [unit.name]
        while ahead:
            name = ahead.pop()
            for one in self._graph.of("library", "test"):
                if one.source == name and one.target not in found:
                    found.add(one.target)
                    ahead.append(one.target)
        return found

    @cached_property
    def _patterns(self) -> list[str]:
        """How files of tests are called."""
        return words_at(self._settings, "python_files") or ["test_*.py", "*_test.py"]

    @cached_property
    def _settings(self) -> dict[str, Any]:
        """What pyproject.toml tells pytest."""
        settings = self._repository.toml("pyproject.toml")
        return table_at(settings, "tool", "pytest", "ini_options")

    def _reached(self, unit: Unit, test: str) -> Reached:
        """Return what a test file of a unit may depend on."""
        modules = self.modules
        paths, dead = self._used(unit, test)
        around = sorted(filter(_is_test_code, paths))
        looks = [self._looks(path, dead.get(path, ALL_LINES)) for path in around]
        loads = any(
            modules.loads_anything(one, dead.get(one, ALL_LINES)) for one in around
        )
        if loads or any(one.starts for one in looks):
            libraries = self.libraries(unit)
            for other in self._repository.units:
                if other is unit or other.name in libraries:
                    paths |= modules.closure(other.sources)
            support = [path for path in unit.tests if not self.is_test(path)]
            paths |= modules.closure(support)
        elif any(map(modules.loads_anything, paths.difference(around))):
            paths |= modules.closure(unit.sources)
        beyond = {one for look in looks for one in look.beyond}
        if any(self._takes_a_folder(path) for path in around):
            beyond.add(EVERYTHING)
        text = "\n".join(self._repository.text(path) for path in around)
        return Reached(frozenset(paths), frozenset(beyond), text)

    def _used(self, unit: Unit, test: str) -> tuple[set[str], Unused]:
        """Return what a test file imports, and which lines of test code it leaves.

        Less used means less imported, which means less used: until nothing changes.
        """
        modules = self.modules
        plugins = set(self._plugins(unit))
        begin = [test, *self._fixtures(test), *plugins]
        words = words_of(self._repository.text(test)) | ASKED_BY_OTHERS
        words |= self._unasked(unit.name)
        words |= words_of(str(self._settings.get("usefixtures", "")))
        dead: Unused = {}
        while True:
            paths = modules.closure(begin, dead)
            around = {path for path in paths if _is_test_code(path)}
            for path in around:
                text = self._live(path, dead.get(path, ALL_LINES))
                paths |= modules.closure(modules.said_in(text), dead)
            shared = {path for path in paths if _is_test_code(path)} | plugins
            files = {path: self._parts(path) for path in shared - {test}}
            left = unused(words, files)
            if left == dead:
                return paths, dead
            dead = left

    def _read_unasked(self, name: str) -> frozenset[str]:
        """Return the fixtures that nobody in a unit names: somebody unseen asks."""
        unit = next(one for one in self._repository.units if one.name == name)
        said: Counter[str] = Counter()
        for path in unit.tests:
            made = self._parts(path)
            said.update(made.words)
            for part in made.parts:
                said.update(part.words)
        support = [path for path in unit.tests if not self.is_test(path)]
        parts = [part for path in support for part in self._parts(path).parts]
        alone = [one for one in parts if all(said[each] < 2 for each in one.names)]
        return frozenset(each for one in alone for each in one.names)

    def _read_parts(self, path: str) -> Parts:
        """Return the parts of a file."""
        return parts_of(self._repository.text(path))

    def _live(self, path: str, dead: frozenset[int]) -> str:
        """Return the text of a file without the lines that are not used."""
        lines = self._repository.text(path).splitlines()
        return "\n".join(
            "" if number in dead else line for number, line in enumerate(lines, 1)
        )

    def _fixtures(self, test: str) -> Iterator[str]:
        """Yield the conftest.py files whose fixtures a test file has."""
        for folder in PurePosixPath(test).parents:
            path = str(folder / "conftest.py")
            if path in self._repository.tree.entries or path in self._gone:
                yield path

    def _plugins(self, unit: Unit) -> Iterator[str]:
        """Yield the modules that pytest loads by itself where a unit's tests run."""
        libraries = self.libraries(unit)
        for one in self._repository.libraries:
            # Tests of libraries run in the tool's own environment, which has them all.
            if unit.is_service and one.name not in libraries:
                continue
            path = one.path("pyproject.toml")
            if self._repository.tree.has(path):
                project = table_at(self._repository.toml(path), "project")
                points = table_at(project, "entry-points", "pytest11")
                for module in points.values():
                    yield from self.modules.named(str(module).partition(":")[0])

    def _looked(self, path: str, dead: frozenset[int]) -> Looks:
        """Return what the used lines of a file of tests read beside its imports."""
        if path not in self._repository.tree.entries:
            return Looks()
        unit = next(
            (
                one.folder
                for one in self._repository.units
                if path.startswith(f"{one.folder}/")
            ),
            "tests",
        )
        calls = self._repository.python(path).calls
        used = [one for one in calls if one.line not in dead]
        return looks_of(path, unit, self._live(path, dead), used)

    def _takes_a_folder(self, path: str) -> bool:
        """Return whether a file imports from another what that one calls a folder."""
        offered = {
            name
            for other in self.modules.imported_by(path)
            if _is_test_code(other)
            for name in self._looks(other, ALL_LINES).names
        }
        if not offered or path not in self._repository.tree.entries:
            return False
        facts = self._repository.python(path)
        taken = {name for one in facts.imports for name in one.names}
        return bool(offered & taken)


def _is_test_code(path: str) -> bool:
    """Return whether a file is below a folder of tests."""
    return path.startswith("tests/") or "/tests/" in path
