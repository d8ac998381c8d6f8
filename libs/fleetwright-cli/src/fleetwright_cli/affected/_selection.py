"""Changed files to the tests that can tell, with the reason for each package."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from fleetwright_cli.affected._changes import Changes
from fleetwright_cli.affected._reach import Reach, Reached
from fleetwright_cli.affected._triggers import concerns, is_lock
from fleetwright_cli.graph import Graph, read_graph
from fleetwright_cli.standard import Repository
from fleetwright_cli.standard._repository import Unit
from fleetwright_cli.suites import WHOLE

MOST_REASONS = 3
_PROSE = (".md", ".rst", "LICENSE")


@dataclass(slots=True)
class Chosen:
    """The tests of one package that can tell.

    Attributes:
        name: The service or library; `fleet` for the tests of the whole.
        tests: The test files below the root; None for all there are.
        of: How many test files there are.
        reasons: Why, the nearest first.
    """

    name: str
    tests: tuple[str, ...] | None = None
    of: int = 0
    reasons: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return why it was chosen, in one line."""
        said = "; ".join(self.reasons[:MOST_REASONS])
        more = len(self.reasons) - MOST_REASONS
        said += f"; and {more} more" if more > 0 else ""
        part = f" ({len(self.tests)} of {self.of} test files)" if self.tests else ""
        return f"{self.name}: {said}{part}"

    def facts(self) -> dict[str, object]:
        """Return the same as JSON-ready values."""
        return {
            "name": self.name,
            "reasons": self.reasons,
            "tests": list(self.tests) if self.tests is not None else None,
            "test_files": self.of,
        }


def select(repository: Repository, changes: Changes) -> list[Chosen]:
    """Return the packages whose tests can tell what a change did.

    Args:
        repository: The files as they are.
        changes: What changed.

    Returns:
        Libraries, services, then the whole; those that cannot tell are left out.
    """
    units = [*repository.libraries, *repository.services]
    has_whole = any(repository.tree.below("tests", ".py"))
    names = [one.name for one in units] + [WHOLE] * has_whole
    if changes.everything:
        return [Chosen(name, reasons=[changes.everything]) for name in names]
    return _Selector(repository, changes).chosen(units, has_whole=has_whole)


class _Selector:
    """One selection."""

    def __init__(self, repository: Repository, changes: Changes) -> None:
        """Read who needs whom, and what the tests reach."""
        self._repository = repository
        self._changes = changes
        gone = [one for one in changes.paths if one not in repository.tree.entries]
        self._graph: Graph = read_graph(repository)
        self._reach = Reach(repository, self._graph, gone)
        self._whole: dict[str, list[str]] = {}
        for name, why in concerns(repository, changes):
            self._whole.setdefault(name, []).append(why)

    def chosen(self, units: list[Unit], *, has_whole: bool) -> list[Chosen]:
        """Return what is chosen of some units, and of the tests of the whole."""
        found = [one for unit in units if (one := self._of(unit))]
        telling = [one for one in self._changes.paths if self._concerns_whole(one)]
        if has_whole and telling:
            found.append(Chosen(WHOLE, reasons=_nearest(list(map(_is_whole, telling)))))
        return found

    def _of(self, unit: Unit) -> Chosen | None:
        """Return what is chosen of one unit; None when none of its tests can tell."""
        reasons = list(self._whole.get(unit.name, ()))
        tests = self._reach.tests[unit.name]
        picked: dict[str, None] = dict.fromkeys(tests if reasons else ())
        for path in self._changes.paths:
            if is_lock(self._repository, path):
                continue
            if self._concerns_all(unit, path):
                reasons.append(f"changed ({path})")
                picked |= dict.fromkeys(tests)
                continue
            hit = [
                one
                for one in tests
                if self._can_tell(unit, self._reach.of(unit, one), path)
            ]
            if hit:
                reasons.append(self._why(unit, path))
                picked |= dict.fromkeys(hit)
        if not reasons:
            return None
        part = tuple(one for one in tests if one in picked)
        is_all = len(part) == len(tests)
        return Chosen(
            unit.name, None if is_all else part, len(tests), _nearest(reasons)
        )

    def _concerns_all(self, unit: Unit, path: str) -> bool:
        """Return whether all tests of a unit are for a changed file of its own.

        That is what cannot be told: data, templates, what no test is seen to import.
        """
        if not path.startswith(f"{unit.folder}/") or self._is_prose(unit, path):
            return False
        if not path.endswith(".py"):
            return True
        if self._reach.is_test(path):
            return False
        return not any(
            path in self._reach.of(unit, one).paths for one in self._tests(unit)
        )

    def _concerns_whole(self, path: str) -> bool:
        """Return whether the tests of the whole, which run all of it, can tell.

        They run no test of a package, and read what is for readers only by its name.
        """
        owner = self._owner(path)
        if owner is not None and path.startswith(owner.path("tests/")):
            return path in self._borrowed
        if not path.endswith(_PROSE):
            return True
        tree = self._repository.tree
        name = path.rsplit("/", 1)[-1].encode()
        return any(name in tree.read(one) for one in tree.below("tests", ".py"))

    @cached_property
    def _borrowed(self) -> set[str]:
        """What the tests of the whole import of packages' tests."""
        tests = list(self._repository.tree.below("tests", ".py"))
        return self._reach.modules.closure(tests)

    def _can_tell(self, unit: Unit, reached: Reached, path: str) -> bool:
        """Return whether a test that reaches so much can tell of a changed file."""
        if path in reached.paths or reached.looks_at(path):
            return True
        owner = self._owner(path)
        if owner is None:
            return False
        if owner is unit:
            name = path.rsplit("/", 1)[-1]
            is_named = name in reached.text or ".md" in reached.text
            return self._is_prose(unit, path) and is_named
        if path in self._promised(unit, owner):
            return True
        is_beside = path.startswith(owner.path("tests/")) or self._is_prose(owner, path)
        if owner.is_service or is_beside or not reached.enters(owner.path("src")):
            return False
        # Data of a library, and code of it that is loaded in ways nobody sees.
        return not path.endswith(".py") or path not in self._reach.reached

    def _promised(self, unit: Unit, owner: Unit) -> set[str]:
        """Return the changed files by which another changes what it promises a unit.

        That is its committed contract; while there is none, any of its sources.
        """
        found: set[str] = set()
        for kind, name in (("call", "openapi"), ("event", "asyncapi")):
            if not self._needs(unit, owner, kind):
                continue
            contract = owner.path(f"contracts/{name}")
            is_kept = any(
                one.startswith(contract)
                for one in self._repository.tree.below(owner.path("contracts"))
            )
            prefix = contract if is_kept else owner.path("")
            inside = ("src/", "contracts/") if not is_kept else ("",)
            found |= {
                one
                for one in self._changes.paths
                for each in inside
                if one.startswith(prefix + each) or one.startswith(contract)
            }
        return found

    def _needs(self, unit: Unit, owner: Unit, kind: str) -> bool:
        """Return whether a unit calls or hears another."""
        return any(
            one.is_seen and one.kind == kind
            for one in self._graph.edges
            if (one.source, one.target) == (unit.name, owner.name)
        )

    def _why(self, unit: Unit, path: str) -> str:
        """Return why a changed file concerns a unit."""
        owner = self._owner(path)
        if owner is unit:
            return f"changed ({path})"
        if owner is None:
            return f"looks at the repository <- changed ({path})"
        chain = self._chain(unit.name, owner.name)
        if chain:
            return f"{' <- '.join(chain)} <- changed ({path})"
        if path in self._promised(unit, owner):
            word = "calls" if self._needs(unit, owner, "call") else "hears"
            return f"{word} {owner.name} <- changed ({path})"
        loads = any(
            path in self._reach.of(unit, one).paths for one in self._tests(unit)
        )
        word = "loads" if loads else "looks at"
        return f"{word} {owner.folder} <- changed ({path})"

    def _chain(self, name: str, target: str) -> list[str]:
        """Return the folders on the shortest way of libraries; empty for none."""
        folder = {one.name: one.folder for one in self._repository.units}
        ways: dict[str, list[str]] = {name: []}
        for _ in folder:
            for one in self._graph.of("library", "test"):
                if one.source in ways and one.target not in ways:
                    ways[one.target] = [*ways[one.source], folder[one.target]]
        return ways.get(target, [])

    def _tests(self, unit: Unit) -> Iterator[str]:
        """Yield the test files of a unit."""
        yield from self._reach.tests[unit.name]

    def _owner(self, path: str) -> Unit | None:
        """Return the unit that a file belongs to."""
        units = self._repository.units
        return next((one for one in units if path.startswith(f"{one.folder}/")), None)

    def _is_prose(self, unit: Unit, path: str) -> bool:
        """Return whether a file is for readers: no code opens it by itself."""
        inside = path.startswith((unit.path("src/"), unit.path("tests/")))
        return path.endswith(_PROSE) and not inside


def _is_whole(path: str) -> str:
    """Return why a file concerns the tests of the whole."""
    return f"the fleet <- changed ({path})"


def _nearest(reasons: list[str]) -> list[str]:
    """Return reasons once each by what comes before the place, own changes first."""
    first: dict[str, tuple[str, int]] = {}
    for one in reasons:
        head = one.partition(" (")[0]
        said, count = first.get(head, (one, 0))
        first[head] = (said, count + 1)
    found = [
        (
            one
            if count == 1
            else f"{one[:-1]} and {count - 1} more)" if one.endswith(")") else one
        )
        for one, count in first.values()
    ]
    return sorted(found, key=lambda one: not one.startswith("changed"))
